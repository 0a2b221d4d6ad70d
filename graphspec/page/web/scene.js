// What a scene is made of. Mirrors graphspec/render/scene.py.
//
// Items are things that are drawn; a container has an `inner` scene. Wires join them: empty names stand for the scene's
// own ends, ports tell which of them, and which of a container's.

export function wireOf(tail, out, head, port, memory = false) {
  return { tail, out, head, port, memory };
}

/** What stands below the title of a box or text. */
export function small({ shape, learned }) {
  return [shape, learned].filter(Boolean).join(" · ");
}

/** What a scene looks like, as text: equal for scenes that are drawn alike. */
export function look(scene) {
  const items = scene.items.map((item) => [
    item.name, item.form, item.kind, item.title, item.mark, item.glyph, item.times, item.learned, item.inner && look(item.inner),
  ]);
  return JSON.stringify([items, scene.wires, scene.ties, scene.entry, scene.ends]);
}

