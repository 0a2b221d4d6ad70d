// The pieces of a placed diagram, y upwards. Mirrors graphspec/render/picture.py.

/** A piece moved by a step. */
export function movedPiece(piece, x, y) {
  switch (piece.type) {
    case "line":
      return { ...piece, points: moved(piece.points, x, y) };
    case "frame": {
      const { left, bottom, right, top, title, beside } = piece;
      const words = { title: step(title, x, y), beside: beside && step(beside, x, y) };
      return { ...piece, left: left + x, bottom: bottom + y, right: right + x, top: top + y, ...words };
    }
    default:
      return { ...piece, x: piece.x + x, y: piece.y + y };
  }
}

export function moved(points, x, y) {
  return points.map((point) => step(point, x, y));
}

function step([a, b], x, y) {
  return [a + x, b + y];
}

/** One way from several, without points that repeat or lie on a straight piece. */
export function joined(...parts) {
  const way = [];
  for (const point of parts.flat()) {
    const last = way.at(-1);
    if (last && same(last, point)) continue;
    if (way.length > 1 && inLine(way.at(-2), last, point)) way.pop();
    way.push(point);
  }
  return way;
}

export function same(a, b) {
  return a[0] === b[0] && a[1] === b[1];
}

function inLine(a, b, c) {
  return (a[0] === b[0] && b[0] === c[0]) || (a[1] === b[1] && b[1] === c[1]);
}

/** The points between which a piece lies. */
export function corners(piece) {
  switch (piece.type) {
    case "box": {
      const [x, y] = [piece.width / 2, piece.height / 2];
      return [[piece.x - x, piece.y - y], [piece.x + x, piece.y + y]];
    }
    case "line":
      return piece.points;
    case "frame":
      return [[piece.left, piece.bottom], [piece.right, piece.top]];
    default:
      return [[piece.x, piece.y]];
  }
}

/** The neighbours in a list, as pairs. */
export function pairs(list) {
  return list.slice(1).map((item, at) => [list[at], item]);
}
