// What hands do: buttons, keys, the pointer on the picture.

export const find = (id) => document.getElementById(id);

const [NEARER, FURTHER] = [1.25, 0.8];
const PANS = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };

/** Have a page listen to them. */
export function hands(page) {
  const item = (event) => event.target.closest?.("[role=treeitem]") ?? null;
  const pane = find("pane");
  let still = ""; // where the pointer was when it clicked: what then comes under it was not pointed at
  pane.addEventListener("click", (event) => {
    still = `${event.clientX} ${event.clientY}`;
    clicked(page, item(event));
  });
  pane.addEventListener("pointerover", (event) => {
    if (`${event.clientX} ${event.clientY}` !== still) hover(page, item(event));
  });
  pane.addEventListener("pointerleave", () => hover(page, null));
  document.addEventListener("keydown", (event) => key(page, event));
  const buttons = {
    fit: () => page.view.fit(true),
    nearer: () => page.view.zoom(NEARER),
    further: () => page.view.zoom(FURTHER),
    "open-all": () => page.every(true),
    "close-all": () => page.every(false),
    sourced: toggleSource,
    theme: toggleTheme,
  };
  for (const [name, act] of Object.entries(buttons)) find(name).addEventListener("click", act);
}

function clicked(page, element) {
  if (page.view.dragged) return;
  if (!element) page.select(null);
  else {
    element.focus({ preventScroll: true });
    page.toggle(element);
  }
}

/** What the pointer is on is told of; beside everything, what is selected. */
function hover(page, element) {
  if (element === page.hovered) return;
  page.hovered = element;
  page.retell(element);
  const told = element ?? page.elementOf(page.selected);
  if (told) page.lines(told.item, false);
}

function key(page, event) {
  if (event.target.closest("input") || event.ctrlKey || event.metaKey || event.altKey) return;
  const acts = {
    "/": () => find("search").focus(),
    0: () => page.view.fit(true),
    "+": () => page.view.zoom(NEARER),
    "=": () => page.view.zoom(NEARER),
    "-": () => page.view.zoom(FURTHER),
    s: toggleSource,
    Escape: () => page.select(null),
  };
  const pan = event.shiftKey && PANS[event.key];
  const act = pan ? () => page.view.pan(...pan) : acts[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

function toggleSource() {
  find("source").hidden = !find("source").hidden;
  find("sourced").setAttribute("aria-pressed", String(!find("source").hidden));
}

function toggleTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
}
