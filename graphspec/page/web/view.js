// Where one looks: pan and zoom by wheel, drag, pinch and keys.
//
// The picture is moved as a whole by one transform, which the compositor does without drawing anything again; when the
// hand rests, it is drawn sharp at its new size.

const [NEAREST, FURTHEST] = [8, 0.02];
const REST = 160;
const DRAGGED = 4;

export class View {
  /** `pane` is what is seen, `stage` what is moved. */
  constructor(pane, stage) {
    this.pane = pane;
    this.stage = stage;
    this.place = { x: 0, y: 0, scale: 1 };
    this.size = { width: 1, height: 1 };
    this.fingers = new Map();
    this.dragged = false;
    this.fitted = true;
    this.listen();
  }

  /** What is looked at has another size; the place stays. */
  shows(width, height) {
    this.still();
    this.size = { width, height };
  }

  /** Show the whole; `gliding` there, not at once. */
  fit(gliding = false) {
    if (gliding) this.glide();
    const { clientWidth, clientHeight } = this.pane;
    const scale = Math.min(clientWidth / this.size.width, clientHeight / this.size.height, 1.6);
    this.fitted = true;
    this.go({
      scale,
      x: (clientWidth - this.size.width * scale) / 2,
      y: (clientHeight - this.size.height * scale) / 2,
    });
  }

  /** Zoom about a point of the pane, by default its middle. */
  zoom(factor, x = this.pane.clientWidth / 2, y = this.pane.clientHeight / 2) {
    const scale = Math.min(Math.max(this.place.scale * factor, FURTHEST), NEAREST);
    const by = scale / this.place.scale;
    this.fitted = false;
    this.go({ scale, x: x - (x - this.place.x) * by, y: y - (y - this.place.y) * by });
  }

  pan(x, y) {
    this.fitted = false;
    this.go({ ...this.place, x: this.place.x + x, y: this.place.y + y });
  }

  /** Bring a rectangle of the page into view, if it is not, large enough to read. */
  reveal(rectangle) {
    const pane = this.pane.getBoundingClientRect();
    const inside =
      rectangle.left >= pane.left && rectangle.right <= pane.right && rectangle.top >= pane.top && rectangle.bottom <= pane.bottom;
    if (inside && this.place.scale > 0.45) return;
    const grow = this.place.scale < 0.6 ? Math.min(1 / this.place.scale, (pane.width * 0.9) / rectangle.width) : 1;
    const [x, y] = [(rectangle.left + rectangle.right) / 2 - pane.left, (rectangle.top + rectangle.bottom) / 2 - pane.top];
    this.glide();
    this.zoom(Math.max(grow, 1), x, y);
    this.pan(pane.width / 2 - x, pane.height / 2 - y);
  }

  /** The next step is made in a moment, not at once. */
  glide() {
    this.stage.classList.add("gliding");
    clearTimeout(this.gliding);
    this.gliding = setTimeout(() => this.stage.classList.remove("gliding"), 300);
  }

  /** A hand on the picture, or a new one, is no time for gliding. */
  still() {
    this.stage.classList.remove("gliding");
  }

  go(place) {
    this.place = place;
    this.stage.style.transform = `translate(${place.x}px, ${place.y}px) scale(${place.scale})`;
  }

  /** A hand is on the picture: until it rests, the compositor alone moves what is drawn. */
  hand() {
    this.still();
    this.stage.style.willChange = "transform";
    clearTimeout(this.resting);
    this.resting = setTimeout(() => (this.stage.style.willChange = "auto"), REST);
  }

  // -- hands ----------------------------------------------------------------------------------------------------------

  listen() {
    this.pane.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.pane.addEventListener("pointerdown", (event) => this.down(event));
    this.pane.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) this.pane.addEventListener(end, (event) => this.up(event));
    new ResizeObserver(() => this.fitted && this.fit()).observe(this.pane);
  }

  wheel(event) {
    event.preventDefault();
    this.hand();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 18 : 1;
    const [x, y] = this.within(event);
    if (event.shiftKey) this.pan(-(event.deltaX || event.deltaY) * unit, event.deltaX ? -event.deltaY * unit : 0);
    else this.zoom(Math.exp(-event.deltaY * unit * (event.ctrlKey ? 0.01 : 0.0015)), x, y);
  }

  within({ clientX, clientY }) {
    const pane = this.pane.getBoundingClientRect();
    return [clientX - pane.left, clientY - pane.top];
  }

  down(event) {
    if (event.button > 0) return;
    this.still();
    if (!this.fingers.size) this.dragged = false;
    this.fingers.set(event.pointerId, this.within(event));
    this.start = this.within(event);
  }

  move(event) {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const now = this.within(event);
    if (!this.dragged && Math.hypot(now[0] - this.start[0], now[1] - this.start[1]) < DRAGGED) return;
    if (!this.dragged) this.pane.setPointerCapture(event.pointerId);
    this.dragged = true;
    this.hand();
    const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) this.pinch(before, now, other);
    else this.pan(now[0] - before[0], now[1] - before[1]);
    this.fingers.set(event.pointerId, now);
  }

  /** One finger moves, the other stays: zoom about the one that stays. */
  pinch(before, now, [x, y]) {
    const [old, wide] = [before, now].map((finger) => Math.hypot(finger[0] - x, finger[1] - y));
    if (old) this.zoom(wide / old, x, y);
  }

  up(event) {
    this.fingers.delete(event.pointerId);
  }
}
