// Layered layout, second half: where boxes and bends lie (Brandes and Koepf), and the courses of edges.

const BESIDE = 22; // pixels between neighbours of a layer
const BESIDE_BEND = 12;
const BETWEEN = 56; // pixels between layers

// Returns the marks of segments that cross a segment between two bends; long edges then stay straight.
function conflictsOf(points, rows, place) {
  const marked = new Set();
  for (let at = 0; at + 1 < rows.length; at += 1) {
    const lower = rows[at + 1];
    let left = 0;
    let begin = 0;
    lower.forEach((each, position) => {
      const inner = points[each].bend ? points[each].up.find((up) => points[up].bend) : undefined;
      if (inner === undefined && position < lower.length - 1) return;
      const right = inner === undefined ? rows[at].length : place[inner];
      for (const other of lower.slice(begin, position + 1)) {
        for (const up of points[other].up) {
          if ((place[up] < left || place[up] > right) && !(points[up].bend && points[other].bend)) marked.add(up * points.length + other);
        }
      }
      begin = position + 1;
      left = right;
    });
  }
  return marked;
}

// Places all points for one of four directions: chains of aligned points get one x each.
function placedOnce(points, rows, width, marked, down, leftward) {
  const n = points.length;
  const root = points.map((_, each) => each);
  const align = [...root];
  const layers = (down ? rows : [...rows].reverse()).map((row) => (leftward ? row : [...row].reverse()));
  const place = new Array(n);
  layers.forEach((row) => row.forEach((each, at) => { place[each] = at; }));
  const isMarked = (one, other) => marked.has(down ? one * n + other : other * n + one);
  for (const row of layers.slice(1)) {
    let last = -1;
    for (const each of row) {
      const near = [...(down ? points[each].up : points[each].down)].sort((one, other) => place[one] - place[other]);
      const middle = (near.length - 1) / 2;
      for (const choice of near.length ? new Set([Math.floor(middle), Math.ceil(middle)]) : []) {
        const other = near[choice];
        if (align[each] !== each || isMarked(other, each) || place[other] <= last) continue;
        align[other] = each;
        root[each] = root[other];
        align[each] = root[each];
        last = place[other];
      }
    }
  }
  return compacted(points, layers, width, root, leftward);
}

const apart = (points, width, one, other) => (width[one] + width[other]) / 2 + (points[one].bend || points[other].bend ? BESIDE_BEND : BESIDE);

// Gives every chain the least x that keeps it apart from its left neighbours, then closes gaps from the right.
function compacted(points, layers, width, root, leftward) {
  const before = new Map(); // root -> [root to its left, distance]
  const after = new Map();
  const add = (map, key, entry) => map.set(key, [...(map.get(key) || []), entry]);
  const waiting = new Map(root.map((each) => [each, 0]));
  for (const row of layers) {
    for (let at = 1; at < row.length; at += 1) {
      const [left, right] = [root[row[at - 1]], root[row[at]]];
      const far = apart(points, width, row[at - 1], row[at]);
      add(before, right, [left, far]);
      add(after, left, [right, far]);
      waiting.set(right, waiting.get(right) + 1);
    }
  }
  const order = [...waiting.keys()].filter((each) => !waiting.get(each));
  for (let at = 0; at < order.length; at += 1) {
    for (const [right] of after.get(order[at]) || []) {
      waiting.set(right, waiting.get(right) - 1);
      if (!waiting.get(right)) order.push(right);
    }
  }
  const x = new Map();
  for (const each of order) x.set(each, (before.get(each) || []).reduce((most, [left, far]) => Math.max(most, x.get(left) + far), 0));
  for (const each of [...order].reverse()) {
    const room = (after.get(each) || []).reduce((least, [right, far]) => Math.min(least, x.get(right) - far), Infinity);
    if (room < Infinity) x.set(each, Math.max(x.get(each), room));
  }
  return root.map((each) => (leftward ? x.get(each) : -x.get(each)));
}

// Returns the x of every point: the mean of the two middle ones of four placements.
function balanced(points, rows, width) {
  const place = new Array(points.length);
  rows.forEach((row) => row.forEach((each, at) => { place[each] = at; }));
  const marked = conflictsOf(points, rows, place);
  const found = [];
  for (const down of [true, false]) for (const leftward of [true, false]) found.push({ leftward, x: placedOnce(points, rows, width, marked, down, leftward) });
  const extent = ({ x }) => {
    let [least, most] = [Infinity, -Infinity];
    x.forEach((each, at) => { least = Math.min(least, each - width[at] / 2); most = Math.max(most, each + width[at] / 2); });
    return [least, most];
  };
  const extents = found.map(extent);
  const narrowest = extents.reduce((one, other) => (other[1] - other[0] < one[1] - one[0] ? other : one));
  const moved = found.map(({ leftward, x }, at) => {
    const shift = leftward ? narrowest[0] - extents[at][0] : narrowest[1] - extents[at][1];
    return x.map((each) => each + shift);
  });
  return points.map((_, at) => {
    const sorted = moved.map((x) => x[at]).sort((one, other) => one - other);
    return (sorted[1] + sorted[2]) / 2;
  });
}

// Lays out boxes of given sizes. Returns the middle of each box, the course of each edge as points of its
// bends with the top and bottom of their layers, and width, height and crossings of the whole.
function layOut(sizes, edges) {
  const acyclic = withoutCycles(sizes.length, edges);
  const { points, routes } = withBends(layersOf(sizes.length, acyclic), acyclic.links);
  const { rows, crossings } = orderedLayers(points);
  const width = points.map((point, at) => (point.bend ? 2 : sizes[at].width));
  const x = balanced(points, rows, width);
  const left = x.reduce((least, each, at) => Math.min(least, each - width[at] / 2), Infinity);
  const right = x.reduce((most, each, at) => Math.max(most, each + width[at] / 2), -Infinity);
  const tops = [];
  let y = 0;
  rows.forEach((row, at) => {
    const tall = row.reduce((most, each) => Math.max(most, points[each].bend ? 0 : sizes[each].height), 12);
    tops[at] = [y, y + tall];
    y += tall + BETWEEN;
  });
  const middle = (at) => (tops[points[at].layer][0] + tops[points[at].layer][1]) / 2;
  return {
    boxes: sizes.map((_, at) => ({ x: x[at] - left, y: middle(at), layer: points[at].layer })),
    courses: routes.map((route, edge) => ({ turned: acyclic.links[edge].turned, steps: route.map((at) => ({ x: x[at] - left, top: points[at].bend ? tops[points[at].layer][0] : middle(at) - sizes[at].height / 2, bottom: points[at].bend ? tops[points[at].layer][1] : middle(at) + sizes[at].height / 2, layer: tops[points[at].layer] })) })),
    width: right - left,
    height: Math.max(y - BETWEEN, 0),
    crossings,
  };
}
