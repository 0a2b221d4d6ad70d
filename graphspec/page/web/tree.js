// The picture under the keyboard: one stop of the tab key, arrows within it, as a tree is known to behave.

/** `acts` are what a key can do with an item: `toggle`, `point`, `leave`. */
export class Tree {
  constructor(pane, acts) {
    this.pane = pane;
    this.acts = acts;
    pane.addEventListener("keydown", (event) => this.key(event));
    pane.addEventListener("focusin", (event) => this.focused(event.target.closest("[role=treeitem]")));
  }

  /** A new picture: the item that had the focus has it again, or the one `at`. */
  shows(root, direction, at) {
    this.items = [...root.querySelectorAll("[role=treeitem]")];
    this.forward = direction === "up" ? "ArrowUp" : "ArrowDown";
    this.stop = at ?? this.items[0];
    this.stop?.setAttribute("tabindex", "0");
  }

  focused(element) {
    if (!element) return;
    this.stop?.setAttribute("tabindex", "-1");
    this.stop = element;
    element.setAttribute("tabindex", "0");
    this.acts.point(element);
  }

  key(event) {
    const element = event.target.closest("[role=treeitem]");
    if (!element || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const act = this.act(event.key, element);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  act(key, element) {
    const at = this.items.indexOf(element);
    const expanded = element.getAttribute("aria-expanded");
    if (key === "Enter" || key === " ") return () => this.acts.toggle(element);
    if (key === "ArrowUp" || key === "ArrowDown") return () => this.go(this.items[at + (key === this.forward ? 1 : -1)]);
    if (key === "Home") return () => this.go(this.items[0]);
    if (key === "End") return () => this.go(this.items.at(-1));
    if (key === "Escape") return () => this.acts.leave(element);
    if (key === "ArrowRight" && expanded === "false") return () => this.acts.toggle(element);
    if (key === "ArrowRight" && expanded === "true") return () => this.go(element.querySelector("[role=treeitem]"));
    if (key === "ArrowLeft" && expanded === "true" && element.item.group) return () => this.acts.toggle(element);
    if (key === "ArrowLeft") return () => this.go(element.parentElement.closest("[role=treeitem]"));
    return null;
  }

  go(element) {
    element?.focus({ preventScroll: true });
  }
}
