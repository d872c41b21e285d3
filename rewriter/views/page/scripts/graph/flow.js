// The dataflow of the model, and the graph of one scope: a module, or a group of parts of a module.

const flow = facts.dataflow;
const MOST_BOXES = 120; // beyond, parts of a module are folded

const firstOutput = [];
const writerOf = new Array(flow.stored.length + flow.inputs.length).fill(-1);
flow.outputs.forEach((count, node) => {
  firstOutput.push(writerOf.length);
  for (let at = 0; at < count; at += 1) writerOf.push(node);
});
const isStored = (value) => value < flow.stored.length;
const typeOfValue = (value) => textOf(isStored(value) ? flow.stored[value][0] : flow.types[value - flow.stored.length]);
const readsOf = (node) => flow.reads[node].map((distance) => firstOutput[node] + distance);
const outputsOf = (node) => Array.from({ length: flow.outputs[node] }, (_, at) => firstOutput[node] + at);
const nameOfNode = (node) => flow.name[node].map(textOf).join("");
const operatorOfNode = (node) => textOf(flow.operator[node]);
const results = new Set(flow.results);

// Nodes without a module are parts of the root.
const homeOfNode = (node) => Math.max(flow.module[node], 0);
const nodesOfModule = modules.map(() => []);
flow.module.forEach((_, node) => nodesOfModule[homeOfNode(node)].push(node));

function nodesBelow(id) {
  const found = [];
  for (let each = id; each < modules[id].end; each += 1) for (const node of nodesOfModule[each]) found.push(node);
  return found;
}

// Returns the parts of a module, in the order of their first nodes: submodules, and nodes of its own.
// A part is { kind: "module" | "node", id, nodes }; `silent` counts the submodules without nodes.
function partsOfModule(id) {
  const children = modules[id].children.filter((child) => child !== HOMELESS).map((child) => ({ kind: "module", id: child, nodes: nodesBelow(child) }));
  const parts = children.filter((part) => part.nodes.length);
  for (const node of nodesOfModule[id]) parts.push({ kind: "node", id: node, nodes: [node] });
  const first = new Map(parts.map((part) => [part, part.nodes.reduce((least, node) => Math.min(least, node), Infinity)]));
  parts.sort((one, other) => first.get(one) - first.get(other));
  return { parts, silent: children.length - children.filter((part) => part.nodes.length).length };
}

// Parts with equal signatures count as repetitions of each other.
function signatureOf(part) {
  if (part.kind === "group") return `group ${part.nodes.length} ${part.title}`;
  if (part.kind === "node") return `node ${flow.operator[part.id]} ${flow.attributes[part.id]}`;
  return `module ${columns.class[part.id]} ${part.nodes.length} ${totals.parameters[part.id]} ${part.nodes.map((node) => flow.operator[node]).join(" ")}`;
}

const groupOf = (title, parts, more = {}) => ({ kind: "group", title, parts, nodes: parts.flatMap((part) => part.nodes), ...more });

// Folds consecutive repetitions, and if that does not suffice, runs of consecutive parts.
function foldParts(parts) {
  if (parts.length <= MOST_BOXES) return parts;
  let folded = foldRepetitions(parts);
  if (folded.length > MOST_BOXES) {
    const size = Math.ceil(folded.length / MOST_BOXES);
    const blocks = [];
    for (let at = 0; at < folded.length; at += size) {
      const inside = folded.slice(at, at + size);
      blocks.push(inside.length === 1 ? inside[0] : groupOf(`Parts ${whole(at + 1)} to ${whole(at + inside.length)}`, inside));
    }
    folded = blocks;
  }
  return folded;
}

const LONGEST_PERIOD = 256;
function foldRepetitions(parts) {
  const numbers = new Map();
  const signs = parts.map((part) => {
    const sign = signatureOf(part);
    if (!numbers.has(sign)) numbers.set(sign, numbers.size);
    return numbers.get(sign);
  });
  const best = parts.map(() => ({ period: 1, times: 1 }));
  for (let period = 1; period <= Math.min(LONGEST_PERIOD, parts.length >> 1); period += 1) {
    let equal = 0;
    for (let at = parts.length - period - 1; at >= 0; at -= 1) {
      equal = signs[at] === signs[at + period] ? equal + 1 : 0;
      const times = Math.floor(equal / period) + 1;
      if (times > 2 && times * period > best[at].times * best[at].period) best[at] = { period, times };
    }
  }
  const folded = [];
  for (let at = 0; at < parts.length; ) {
    const { period, times } = best[at];
    if (times < 3) {
      folded.push(parts[at]);
      at += 1;
      continue;
    }
    const repeated = Array.from({ length: times }, (_, turn) => {
      const inside = parts.slice(at + turn * period, at + (turn + 1) * period);
      return period === 1 ? inside[0] : groupOf(`Repetition ${whole(turn + 1)}`, inside);
    });
    folded.push(groupOf(period === 1 ? nameOfPart(parts[at]) : `${whole(period)} parts`, repeated, { times }));
    at += period * times;
  }
  return folded;
}

function nameOfPart(part) {
  if (part.kind === "module") return titleOf(part.id);
  if (part.kind === "node") return operatorOfNode(part.id);
  return part.title;
}

// Returns the graph of some parts: boxes (the parts, and one box per value from outside or to outside), and
// edges [from, to] between numbers of boxes. More than a few values from outside share one box.
const MOST_PORTS = 8;
function graphOf(parts) {
  const ownerOf = new Int32Array(flow.module.length).fill(-1);
  parts.forEach((part, box) => part.nodes.forEach((node) => { ownerOf[node] = box; }));
  const boxes = parts.map((part) => ({ ...part, written: new Set() }));
  const edges = new Map();
  const connect = (from, to) => edges.set(from * 1e6 + to, [from, to]);
  const readers = new Map(); // value from outside -> boxes
  const readOutside = new Map(); // value written inside and read outside -> box
  parts.forEach((part, box) => part.nodes.forEach((node) => {
    const first = firstOutput[node];
    for (const distance of flow.reads[node]) {
      const value = first + distance;
      if (isStored(value)) continue;
      const from = writerOf[value] < 0 ? -1 : ownerOf[writerOf[value]];
      if (from < 0) {
        if (!readers.has(value)) readers.set(value, new Set());
        readers.get(value).add(box);
      } else if (from !== box) {
        boxes[from].written.add(value);
        connect(from, box);
      }
    }
    for (let value = first; value < first + flow.outputs[node]; value += 1) {
      if (results.has(value) || readersOfValue[value]?.some((reader) => ownerOf[reader] < 0)) readOutside.set(value, box);
    }
  }));
  const port = (kind, values) => boxes.push({ kind, values, written: new Set(values), nodes: [] }) - 1;
  const ports = (kind, entries, link) => {
    if (entries.length <= MOST_PORTS) entries.forEach(([value, ends]) => link(port(kind, [value]), ends));
    else {
      const shared = port(kind, entries.map(([value]) => value));
      entries.forEach(([, ends]) => link(shared, ends));
    }
  };
  ports("input", [...readers], (box, ends) => ends.forEach((end) => connect(box, end)));
  ports("output", [...readOutside], (box, end) => connect(end, box));
  for (const [value, box] of readOutside) boxes[box].written.add(value);
  return { boxes, edges: [...edges.values()] };
}

const readersOfValue = [];
flow.reads.forEach((distances, node) => {
  for (const distance of distances) (readersOfValue[firstOutput[node] + distance] ||= []).push(node);
});
