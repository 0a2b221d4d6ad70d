// A page that is served by `graphspec watch` hears of each change of the spec.

/** `redraw(facts)` for a spec that is whole; `broken({files, problems})` for one that is not; `lost()` without a server. */
export function listen({ redraw, broken, lost }) {
  const events = new EventSource("events");
  events.addEventListener("facts", (event) => redraw(JSON.parse(event.data)));
  events.addEventListener("broken", (event) => broken(JSON.parse(event.data)));
  events.addEventListener("error", () => lost());
}
