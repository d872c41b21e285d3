// Layered layout (Sugiyama), first half: cycles, layers, bends, and the order within each layer.
//
// A bend is a point where an edge passes through a layer. All edges from one box share their bends.

// Returns each edge as [upper, lower], with edges against the flow turned around, and which were turned.
function withoutCycles(count, edges) {
  const outgoing = Array.from({ length: count }, () => []);
  const waiting = new Array(count).fill(0);
  for (const [from, to] of edges) {
    outgoing[from].push(to);
    waiting[to] += 1;
  }
  const place = new Array(count).fill(-1);
  const ready = [];
  for (let box = 0; box < count; box += 1) if (!waiting[box]) ready.push(box);
  let next = 0;
  let stuck = 0;
  while (next < count) {
    if (!ready.length) {
      while (place[stuck] >= 0) stuck += 1;
      ready.push(stuck); // the first box in file order of those that wait for each other
    }
    const box = ready.shift();
    if (place[box] >= 0) continue;
    place[box] = next++;
    for (const to of outgoing[box]) if (--waiting[to] === 0 && place[to] < 0) ready.push(to);
  }
  return { place, links: edges.map(([from, to]) => (place[from] < place[to] ? { upper: from, lower: to, turned: false } : { upper: to, lower: from, turned: true })) };
}

// Returns the layer of each box: as high as its inputs permit, then moved where that shortens edges.
function layersOf(count, { place, links }) {
  const above = Array.from({ length: count }, () => []);
  const below = Array.from({ length: count }, () => []);
  for (const { upper, lower } of links) {
    below[upper].push(lower);
    above[lower].push(upper);
  }
  const order = Array.from({ length: count }, (_, box) => box).sort((one, other) => place[one] - place[other]);
  const layer = new Array(count).fill(0);
  const highest = (box) => above[box].reduce((most, each) => Math.max(most, layer[each] + 1), 0);
  for (const box of order) layer[box] = highest(box);
  for (let round = 0; round < 4; round += 1) {
    for (const box of [...order].reverse()) {
      if (below[box].length > above[box].length || (below[box].length && !above[box].length)) {
        layer[box] = below[box].reduce((least, each) => Math.min(least, layer[each] - 1), Infinity);
      }
    }
    for (const box of order) if (above[box].length > below[box].length) layer[box] = highest(box);
  }
  const top = layer.reduce((least, each) => Math.min(least, each), Infinity);
  return layer.map((each) => each - top);
}

// Returns the layered points: boxes first, then bends; `up` and `down` are the neighbours one layer away.
function withBends(layer, links) {
  const points = layer.map((each) => ({ layer: each, up: [], down: [], bend: false }));
  const chains = new Map(); // upper box -> its bends, one per layer
  const join = (upper, lower) => {
    if (points[upper].down.includes(lower)) return;
    points[upper].down.push(lower);
    points[lower].up.push(upper);
  };
  const routes = links.map(({ upper, lower }) => {
    if (!chains.has(upper)) chains.set(upper, []);
    const chain = chains.get(upper);
    const route = [upper];
    for (let at = layer[upper] + 1; at < layer[lower]; at += 1) {
      const step = at - layer[upper] - 1;
      if (chain[step] === undefined) chain[step] = points.push({ layer: at, up: [], down: [], bend: true }) - 1;
      join(route[route.length - 1], chain[step]);
      route.push(chain[step]);
    }
    join(route[route.length - 1], lower);
    route.push(lower);
    return route;
  });
  return { points, routes };
}

// Counts the crossings between two neighbouring layers, with a tree of sums.
function crossingsBetween(points, upper, place) {
  const ends = [];
  for (const each of upper) ends.push(...points[each].down.map((lower) => place[lower]).sort((one, other) => one - other));
  const size = ends.reduce((most, end) => Math.max(most, end), 0) + 1;
  const sums = new Array(size + 1).fill(0);
  let crossings = 0;
  ends.forEach((end, seen) => {
    let left = 0;
    for (let at = end + 1; at > 0; at -= at & -at) left += sums[at];
    crossings += seen - left;
    for (let at = end + 1; at <= size; at += at & -at) sums[at] += 1;
  });
  return crossings;
}

const SWEEPS = 24;
const PATIENCE = 45; // milliseconds for one graph

// Orders the points of each layer so that few edges cross.
function orderedLayers(points) {
  const height = points.reduce((most, point) => Math.max(most, point.layer), 0) + 1;
  const place = new Array(points.length).fill(0);
  const settle = (row) => row.forEach((each, at) => { place[each] = at; });
  const all = (rows) => rows.reduce((sum, row, at) => (at + 1 < rows.length ? sum + crossingsBetween(points, row, place) : sum), 0);
  const begin = performance.now();
  let best = null;
  for (const down of [true, false]) {
    const rows = walkedLayers(points, height, down);
    rows.forEach(settle);
    for (let sweep = 0, idle = 0; sweep < SWEEPS && idle < 5; sweep += 1) {
      const crossings = all(rows);
      if (!best || crossings < best.crossings) {
        best = { crossings, rows: rows.map((row) => [...row]) };
        idle = 0;
      } else idle += 1;
      if (!best.crossings || performance.now() - begin > PATIENCE) return best;
      sweepOnce(points, rows, place, sweep % 2 === 0, sweep % 4 < 2);
      exchangeNeighbours(points, rows, place);
    }
  }
  return best;
}

// Orders layers by a walk in depth, so that what is connected begins side by side.
function walkedLayers(points, height, down) {
  const rows = Array.from({ length: height }, () => []);
  const seen = new Array(points.length).fill(false);
  const starts = points.map((_, each) => each).sort((one, other) => (points[one].layer - points[other].layer) * (down ? 1 : -1));
  for (const start of starts) {
    const stack = [start];
    while (stack.length) {
      const each = stack.pop();
      if (seen[each]) continue;
      seen[each] = true;
      rows[points[each].layer].push(each);
      const onward = down ? points[each].down : points[each].up;
      for (let at = onward.length - 1; at >= 0; at -= 1) stack.push(onward[at]);
    }
  }
  return rows;
}

// Sorts every layer by the mean place of the neighbours in the layer before it.
function sweepOnce(points, rows, place, down, turn) {
  const layers = rows.map((_, at) => (down ? at : rows.length - 1 - at));
  for (const at of layers.slice(1)) {
    const row = rows[at];
    const wish = new Map(row.map((each) => {
      const near = down ? points[each].up : points[each].down;
      return [each, near.length ? near.reduce((sum, other) => sum + place[other], 0) / near.length : place[each]];
    }));
    row.sort((one, other) => wish.get(one) - wish.get(other) || (turn ? 1 : -1) * (place[one] - place[other]));
    row.forEach((each, position) => { place[each] = position; });
  }
}

// Exchanges neighbours while that removes crossings.
function exchangeNeighbours(points, rows, place) {
  const crossed = (left, right) => {
    let count = 0;
    for (const a of left) for (const b of right) if (place[a] > place[b]) count += 1;
    return count;
  };
  for (let round = 0, better = true; better && round < 6; round += 1) {
    better = false;
    for (const row of rows) {
      for (let at = 0; at + 1 < row.length; at += 1) {
        const [one, other] = [points[row[at]], points[row[at + 1]]];
        const now = crossed(one.up, other.up) + crossed(one.down, other.down);
        if (!now || crossed(other.up, one.up) + crossed(other.down, one.down) >= now) continue;
        [row[at], row[at + 1]] = [row[at + 1], row[at]];
        place[row[at]] = at;
        place[row[at + 1]] = at + 1;
        better = true;
      }
    }
  }
}
