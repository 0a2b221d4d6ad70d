// A picture → SVG. Looks like what Graphviz makes of the same picture: see graphspec/render/dot.py.

import { svg } from "./dom.js";
import { shortened } from "./measure.js";
import { small } from "./scene.js";

const CORNER = 5.5;
const BEND = 6;
const ARROW = 6;
const MARGIN = 18;

/** Draws pictures with the measures of one page. */
export class Draw {
  constructor(measures) {
    this.sizes = measures.sizes;
  }

  /** The whole: frames with what is in them as a tree of items, lines above frames, boxes above lines. */
  picture(picture) {
    this.high = picture.height;
    const groups = new Map([["", svg("g", { role: "tree", "aria-label": `Diagram of ${picture.title || "the model"}` })]]);
    const lines = svg("g", { class: "lines", "aria-hidden": "true" });
    for (const piece of picture.pieces) {
      if (piece.type === "frame" || piece.type === "box") this.solid(piece, groups);
      else lines.append(...this.thin(piece));
    }
    const [width, height] = [picture.width + 2 * MARGIN, picture.height + 2 * MARGIN];
    const all = svg("svg", { width, height, viewBox: `${-MARGIN} ${-MARGIN} ${width} ${height}`, class: "picture" });
    if (picture.title) all.append(this.heading(picture));
    all.append(groups.get(""), lines);
    return all;
  }

  heading({ title, width, height }) {
    const y = this.y(height - 18) + this.sizes.WHOLE_SIZE * 0.35;
    const text = shortened(title, this.sizes.LONGEST_TITLE);
    return svg("text", { class: "heading", x: width / 2, y, "text-anchor": "middle", "aria-hidden": "true" }, text);
  }

  /** Up is up: pictures count heights from below. */
  y(height) {
    return this.high - height;
  }

  solid(piece, groups) {
    const within = groups.get(parent(piece.path)) ?? groups.get("");
    const drawn = piece.type === "frame" ? this.frame(piece) : this.box(piece);
    drawn.item = piece.item;
    drawn.path = piece.path;
    if (piece.paint) drawn.classList.add(piece.paint);
    within.append(drawn);
    if (piece.type === "frame") {
      const inner = svg("g", { role: "group" });
      drawn.append(inner);
      groups.set(piece.path, inner);
    }
  }

  thin(piece) {
    if (piece.type === "line") return this.line(piece);
    if (piece.type === "dot") return [svg("circle", { class: `dot ${piece.paint}`, cx: piece.x, cy: this.y(piece.y), r: 1.8 })];
    const place = { class: `word ${piece.kind}`, x: piece.x, y: this.y(piece.y + 5), "text-anchor": "middle" };
    return [svg("text", place, piece.text)];
  }

  // -- frames and boxes -----------------------------------------------------------------------------------------------

  frame({ path, item, left, bottom, right, top, title, beside }) {
    const shade = Math.min(path.split("/").length - 1, 2);
    const corners = { x: left, y: this.y(top), width: right - left, height: top - bottom, rx: 9 };
    const group = svg("g", { role: "treeitem", class: `frame shade${shade}`, tabindex: "-1", "aria-expanded": "true" });
    group.append(svg("rect", { class: "shape", ...corners }));
    const name = svg("tspan", { class: "title" }, shortened(item.title));
    group.append(this.words("name", title, beside ? [name] : [name, ...this.beside(item, 8)]));
    if (beside) group.append(this.words("name", beside, this.beside(item, 0)));
    return group;
  }

  /** The number of turns, and of what is learned. */
  beside({ times, learned }, gap) {
    const words = times ? [svg("tspan", { class: "times", dx: gap }, shortened(times))] : [];
    if (learned) words.push(svg("tspan", { class: "shape-text", dx: words.length ? 8 : gap }, learned));
    return words;
  }

  words(kind, [x, y], words) {
    return svg("text", { class: kind, x, y: this.y(y) + 4.2, "text-anchor": "middle" }, ...words);
  }

  box(box) {
    const { item, x, y, width, height } = box;
    const expandable = item.openable ? { "aria-expanded": "false" } : {};
    const group = svg("g", { role: "treeitem", class: item.form, tabindex: "-1", "data-kind": item.kind, ...expandable });
    if (item.form === "mark") {
      group.append(svg("circle", { class: "shape", cx: x, cy: this.y(y), r: width / 2 }), this.sign(item.mark, x, y));
      return group;
    }
    const corners = { x: x - width / 2, y: this.y(y + height / 2), width, height, rx: CORNER };
    group.append(svg("rect", { class: "shape", ...corners }), ...this.lettering(box));
    if (item.form === "box") group.append(...this.extras(box));
    return group;
  }

  sign(mark, x, y) {
    return svg("text", { class: "sign", x, y: this.y(y) + 3.6, "text-anchor": "middle" }, mark);
  }

  /** The title, and below it the shape. */
  lettering({ item, x, y }) {
    const place = { x, "text-anchor": "middle" };
    const below = shortened(small(item), this.sizes.LONGEST_SHAPE);
    const [high, low] = below ? [this.y(y) - 2.2, this.y(y) + 9.4] : [this.y(y) + 3.8];
    const title = svg("text", { class: "title", ...place, y: high }, shortened(item.title));
    return below ? [title, svg("text", { class: "shape-text", ...place, y: low }, below)] : [title];
  }

  /** What stands beside the words: a mask's glyph, the sign of a sum, and that the box can be opened. */
  *extras({ item, x, y, width, height, side }) {
    const inset = width / 2 - this.sizes.SIDE_CELL / 2 - 5;
    if (item.glyph.length) yield this.glyph(item.glyph, Math.round(x + inset), Math.round(y));
    if (item.mark) {
      const across = x + (side || 1) * inset;
      yield svg("circle", { class: "sum", cx: across, cy: this.y(y), r: 6.1 });
      yield this.sign(item.mark, across, y);
    }
    if (item.openable) {
      const [left, top] = [x - width / 2 + 7, this.y(y + height / 2) + 7];
      yield svg("path", { class: "plus", d: `M${left - 3} ${top}h6M${left} ${top - 3}v6` });
    }
  }

  glyph(rows, x, y) {
    const cell = this.sizes.CELL;
    const [left, top] = [x - (rows[0].length * cell) / 2, this.y(y) - (rows.length * cell) / 2];
    const squares = rows.flatMap((row, r) =>
      [...row].map((seen, c) => (seen === "#" ? `M${left + c * cell} ${top + r * cell}h${cell}v${cell}h${-cell}z` : "")),
    );
    const size = { width: rows[0].length * cell, height: rows.length * cell };
    const back = svg("rect", { class: "unseen", x: left, y: top, ...size });
    return svg("g", { class: "glyph", "aria-hidden": "true" }, back, svg("path", { class: "seen", d: squares.join("") }));
  }

  // -- lines ----------------------------------------------------------------------------------------------------------

  /** Straight pieces with rounded corners, and an arrow's head. */
  *line({ points, kind, arrow, paint }) {
    const way = points.map(([x, y]) => [x, this.y(y)]);
    if (way.length < 2) return;
    const look = `${kind} ${paint}`;
    const [end, before] = [way.at(-1), way.at(-2)];
    if (arrow) way[way.length - 1] = towards(end, before, ARROW - 0.5);
    yield svg("path", { class: `way ${look}`, d: rounded(way) });
    if (arrow) yield svg("path", { class: `head ${look}`, d: head(end, before) });
  }
}

function parent(path) {
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
}

function rounded(way) {
  const parts = [`M${at(way[0])}`];
  for (let i = 1; i < way.length - 1; i++) {
    const [before, corner, after] = way.slice(i - 1, i + 2);
    const radius = Math.min(BEND, distance(before, corner) / 2, distance(corner, after) / 2);
    parts.push(`L${at(towards(corner, before, radius))}Q${at(corner)} ${at(towards(corner, after, radius))}`);
  }
  return parts.join("") + `L${at(way.at(-1))}`;
}

function head(end, before) {
  const [x, y] = towards(end, before, ARROW);
  const across = end[0] === before[0] ? [2.2, 0] : [0, 2.2];
  return `M${at(end)}L${at([x - across[0], y - across[1]])}L${at([x + across[0], y + across[1]])}z`;
}

function towards(start, end, step) {
  const length = distance(start, end);
  if (!length) return start;
  return [start[0] + ((end[0] - start[0]) * step) / length, start[1] + ((end[1] - start[1]) * step) / length];
}

function distance(a, b) {
  return Math.abs(a[0] - b[0]) + Math.abs(a[1] - b[1]);
}

function at([x, y]) {
  return `${Math.round(x * 100) / 100} ${Math.round(y * 100) / 100}`;
}
