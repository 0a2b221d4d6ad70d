// How large things are. Mirrors graphspec/render/measure.py, from where the sizes and the widths of letters come.

import { small } from "./scene.js";

const LONGEST = 44;
const BOX_HEIGHT = 32;
const [NARROWEST, WIDEST] = [190, 340];
const [TEXT_HEIGHT, TEXT_WITH_SHAPE] = [16, 28];

/** At most so many letters, the middle left out: names often differ at their ends. */
export function shortened(text, longest = LONGEST) {
  const letters = [...text];
  const tail = Math.floor((longest - 1) / 3);
  if (letters.length <= longest) return text;
  return letters.slice(0, longest - 1 - tail).join("") + "…" + letters.slice(letters.length - tail).join("");
}

/** The size of every item of one scene; all boxes are as wide as the widest needs to be, but for sources. */
export class Measure {
  constructor({ sizes, letters }, scene, direction) {
    this.sizes = sizes;
    this.letters = letters;
    this.direction = direction;
    const widest = [...boxes(scene)].reduce((most, item) => Math.max(most, this.wanted(item)), 0);
    this.boxWidth = rounded(Math.min(Math.max(widest, NARROWEST), WIDEST));
  }

  /** Across and along the flow. */
  size(item) {
    const [wide, high] = this.box(item);
    return this.direction === "right" ? [high, wide] : [wide, high];
  }

  box(item) {
    if (item.form === "box") return [item.source ? Math.min(this.wanted(item), this.boxWidth) : this.boxWidth, BOX_HEIGHT];
    if (item.form === "mark") return [this.sizes.MARK, this.sizes.MARK];
    if (item.form === "text") return [this.textWidth(item) + 6, small(item) ? TEXT_WITH_SHAPE : TEXT_HEIGHT];
    return [0, 0];
  }

  /** A frame's title and what stands beside it. */
  frameTitleWidth(item) {
    const [name, beside] = this.frameTitleWidths(item);
    return name + (beside ? 8 + beside : 0);
  }

  /** The title, and beside it the number of turns and of what is learned. */
  frameTitleWidths(item) {
    const { FRAME_SIZE, TIMES_SIZE, SHAPE_SIZE } = this.sizes;
    const [times, learned] = [this.width(shortened(item.times), TIMES_SIZE), this.width(item.learned, SHAPE_SIZE)];
    return [this.width(shortened(item.title), FRAME_SIZE, true), times + (times && learned ? 8 : 0) + learned];
  }

  titleWidth(title) {
    return this.width(shortened(title, this.sizes.LONGEST_TITLE), this.sizes.WHOLE_SIZE, true);
  }

  textWidth(item) {
    const { TITLE_SIZE, SHAPE_SIZE, LONGEST_SHAPE } = this.sizes;
    const below = this.width(shortened(small(item), LONGEST_SHAPE), SHAPE_SIZE);
    return Math.max(this.width(shortened(item.title), TITLE_SIZE, true), below);
  }

  wanted(item) {
    const sides = item.glyph.length || item.mark ? 2 * this.sizes.SIDE_CELL : 0;
    return this.textWidth(item) + sides + 16;
  }

  width(text, size, bold = false) {
    return [...text].reduce((sum, letter) => sum + (this.letters[letter] ?? 0), 0) * size * (bold ? 1.06 : 1);
  }
}

function* boxes(scene) {
  for (const item of scene.items) {
    if (item.inner) yield* boxes(item.inner);
    else if (item.form === "box") yield item;
  }
}

/** To the nearest whole number, halves to the even one, as Python does. */
function rounded(number) {
  const down = Math.floor(number);
  if (number - down !== 0.5) return Math.round(number);
  return down % 2 ? down + 1 : down;
}
