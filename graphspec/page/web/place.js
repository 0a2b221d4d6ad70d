// Scene → picture: where everything stands and how the lines go. Mirrors graphspec/render/place.py, where it is told how.

import { Across } from "./across.js";
import { Columns, LEFT, most, RIGHT } from "./columns.js";
import { Conflicts } from "./conflicts.js";
import { Measure } from "./measure.js";
import { joined, moved, movedPiece } from "./picture.js";
import { Pieces } from "./pieces.js";
import { Plan } from "./plan.js";

const MOST_PUSHES = 60;

/** A whole model, with the data flowing `up`, `down` or to the `right`. */
export function pictureOf(scene, title, direction, measures) {
  const measure = new Measure(measures, withSources(scene), direction);
  const whole = placed(scene, { path: "", measure, lanes: RIGHT, sides: {}, exits: {} });
  const band = title ? measures.sizes.TITLE_BAND : 0;
  const wide = whole.left + whole.right;
  const across = direction === "right";
  const [x, y] = across ? [0, whole.right] : [whole.left, direction === "down" ? whole.height : 0];
  const [width, height] = across ? [whole.height, wide] : [wide, whole.height];
  const margin = Math.max(0, measure.titleWidth(title) - width) / 2;
  const pieces = whole.pieces.map((piece) => movedPiece(turned(piece, direction), x + margin, y));
  return { width: width + 2 * margin, height: height + band, title, pieces, caption: [] };
}

/** Boxes that read nothing are known as sources. */
function withSources(scene) {
  const heads = new Set(scene.wires.map(({ head }) => head));
  for (const item of scene.items) {
    item.source = item.form === "box" && !heads.has(item.name);
    if (item.inner) withSources(item.inner);
  }
  return scene;
}

/** A scene with everything in its place: at a path, with the sides of its lanes, other inputs and other outputs. */
function placed(scene, place) {
  const columns = new Columns(scene, place.sides);
  const kids = new Map(scene.items.map((item) => [item.name, kid(item, columns, place)]));
  let across = new Across(new Plan(columns, kids, place.lanes, place.measure.sizes));
  for (let push = 0; push < MOST_PUSHES; push++) {
    const pushed = new Conflicts(across).found();
    if (!pushed.size) break;
    across = new Across(across.plan.pushed(pushed));
  }
  return new Pieces(across, place.path, place.exits).placed();
}

function kid(item, columns, place) {
  const path = place.path + item.name;
  if (!item.inner) {
    const [width, height] = place.measure.size(item);
    const box = { type: "box", path, item, x: 0, y: height / 2, width, height, side: 0, paint: "" };
    return { left: width / 2, right: width / 2, height, pieces: [box], entries: [], exits: [] };
  }
  const others = columns.to.get(item.name).filter((wire) => columns.isSide(wire));
  const sides = Object.fromEntries(others.map((wire) => [wire.port, sourceSide(wire, columns, place)]));
  const side = columns.sides[columns.columnOf(item.name)] || place.lanes;
  const taken = new Set(Object.values(sides));
  const lanes = taken.has(side) && !taken.has(-side) ? -side : side;
  const exits = exitSides(item.name, columns);
  const inner = placed(item.inner, { path: `${path}/`, measure: place.measure, lanes, sides, exits });
  return framed(inner, path, item, place.measure, lanes);
}

/** To which side each output of a container goes, if it does not leave at the top: to that of its first reader. */
function exitSides(name, columns) {
  const sides = {};
  for (const wire of columns.from.get(name)) {
    const beyond = wire.head ? -columns.order(wire) : RIGHT;
    sides[wire.out] ??= beyond || columns.sides[columns.columnOf(name)] || RIGHT;
  }
  return sides;
}

function sourceSide(wire, columns, place) {
  if (!wire.tail) return place.sides[wire.out];
  const order = columns.order(wire);
  if (order === 0 && columns.isSecond(wire)) return exitSides(wire.tail, columns)[wire.out];
  return order || LEFT;
}

// -- frames -------------------------------------------------------------------------------------------------------------

/** A scene in its frame, with room for the title beside the line that enters or leaves there. */
function framed(inner, path, item, measure, lanes) {
  const [frame, low] = (measure.direction === "right" ? headedBeside : headed)(inner, item, measure, lanes);
  Object.assign(frame, { type: "frame", path, item, bottom: 0, paint: "" });
  const { left, right, top } = frame;
  const entries = inner.entries.map(([port, end]) => [port, outwards(lifted(end, low), left, right)]);
  const exits = inner.exits.map(([port, end]) => [port, leaving(lifted(end, low), left, right, top)]);
  const pieces = [frame, ...inner.pieces.map((piece) => movedPiece(piece, 0, low))];
  return { left: -left, right, height: top, pieces, entries, exits };
}

function lifted(end, by) {
  return { ...end, points: moved(end.points, 0, by) };
}

function outwards(end, left, right) {
  const [x, y] = end.points[0];
  const edge = end.side ? [end.side === LEFT ? left : right, y] : [x, 0];
  return { ...end, points: joined([edge], end.points) };
}

function leaving(end, left, right, top) {
  const [x, y] = end.points.at(-1);
  const edge = end.side ? [end.side === LEFT ? left : right, y] : [x, top];
  return { ...end, points: joined(end.points, [edge]) };
}

/** A frame with a band for its title above, or below where the data flow down; and how high it lifts what is in it. */
function headed(inner, item, measure, lanes) {
  const { BAND, PAD } = measure.sizes;
  const down = measure.direction === "down";
  const low = down ? BAND : PAD;
  let [left, right] = [inner.left + PAD, inner.right + PAD];
  const top = topOf(inner) + PAD + BAND;
  const y = down ? BAND / 2 : top - BAND / 2;
  const line = lineOf(inner, down);
  const room = { [LEFT]: left + line, [RIGHT]: right - line };
  const [name, beside] = measure.frameTitleWidths(item).map((wide) => wide + 2 * PAD);
  const whole = measure.frameTitleWidth(item) + 2 * PAD;
  let side = [lanes, -lanes].find((own) => room[own] >= whole);
  if (side === undefined && (item.times || item.learned)) {
    [left, right] = [Math.max(left, name - line), Math.max(right, beside + line)];
    return [{ left: -left, right, top, title: [-left + name / 2, y], beside: [right - beside / 2, y] }, low];
  }
  side ??= most([lanes, -lanes], (own) => room[own]);
  if (side === LEFT) left = Math.max(left, whole - line);
  else right = Math.max(right, whole + line);
  const x = side === LEFT ? -left + whole / 2 : right - whole / 2;
  return [{ left: -left, right, top, title: [x, y], beside: null }, low];
}

/** Where the line goes through the band: what enters the scene, or what leaves it. */
function lineOf(inner, down) {
  const [, end] = (down ? inner.entries : inner.exits).find(([, { side }]) => !side) ?? [];
  if (!end) return 0;
  return down ? end.points[0][0] : end.points.at(-1)[0];
}

/** How high a scene reaches, with the lines that leave it at the side. */
function topOf(inner) {
  const sideways = inner.exits.filter(([, { side }]) => side);
  return Math.max(inner.height, ...sideways.map(([, { points }]) => points.at(-1)[1] + 2));
}

/** The same where the data flow to the right: the band is on the left, which then is above. */
function headedBeside(inner, item, measure) {
  const { BAND, PAD } = measure.sizes;
  const wide = measure.frameTitleWidth(item) + 2 * PAD;
  const sideways = ([, { side }]) => side === LEFT;
  const taken = inner.entries.filter(sideways).map(([, { points }]) => points[0][1] + PAD);
  taken.push(...inner.exits.filter(sideways).map(([, { points }]) => points.at(-1)[1] + PAD));
  const start = firstFree(taken, wide, PAD);
  const [left, top] = [inner.left + PAD + BAND, Math.max(topOf(inner) + 2 * PAD, start + wide)];
  return [{ left: -left, right: inner.right + PAD, top, title: [-left + BAND / 2, start + wide / 2], beside: null }, PAD];
}

/** The first place for a title that no line from the side runs through. */
function firstFree(taken, wide, pad) {
  const starts = [0, ...[...taken].sort((a, b) => a - b).map((y) => y + pad)];
  return starts.find((start) => !taken.some((y) => start <= y && y <= start + wide));
}

// -- directions ---------------------------------------------------------------------------------------------------------

/** A piece of an upward diagram as one of a diagram in another direction. */
function turned(piece, direction) {
  if (direction === "up") return piece;
  const across = direction === "right";
  const turn = ([x, y]) => (across ? [y, -x] : [x, -y]);
  switch (piece.type) {
    case "line":
      return { ...piece, points: piece.points.map(turn) };
    case "frame": {
      const [[x0, y0], [x1, y1]] = [turn([piece.left, piece.bottom]), turn([piece.right, piece.top])];
      const corners = { left: Math.min(x0, x1), bottom: Math.min(y0, y1), right: Math.max(x0, x1), top: Math.max(y0, y1) };
      return { ...piece, ...corners, title: turn(piece.title), beside: piece.beside && turn(piece.beside) };
    }
    case "label":
      return across ? { ...piece, x: piece.y + 13, y: -piece.x - 8 } : { ...piece, y: -piece.y - 16 };
    default: {
      const [x, y] = turn([piece.x, piece.y]);
      const size = piece.type === "box" && across ? { width: piece.height, height: piece.width } : {};
      return { ...piece, x, y, ...size };
    }
  }
}
