// The data of the page. Modules are in tree order, parents before children: the subtree of a module
// has the numbers from `id` to `end`, exclusive.

const facts = JSON.parse(document.getElementById("facts").textContent);
const columns = facts.modules;
const profile = facts.profile;
const diff = facts.diff;

// Returns a text of the table; null for an unknown text.
const textOf = (number) => (number < 0 ? null : facts.texts[number]);

const modules = columns.name.map((name, id) => ({
  id,
  name,
  parent: columns.parent[id],
  className: textOf(columns.class[id]),
  children: [],
  depth: 0,
  end: id + 1,
}));

// Unplaced nodes and unmapped kernels count as a further module below the root, so that sizes add up.
const HOMELESS = facts.measures.some((each) => facts.homeless[each] > 0) ? modules.length : -1;
if (HOMELESS >= 0) {
  modules.push({ id: HOMELESS, name: "(unplaced)", parent: 0, className: null, children: [], depth: 0, end: HOMELESS + 1 });
}

for (const module of modules) {
  if (module.parent < 0) continue;
  const parent = modules[module.parent];
  parent.children.push(module.id);
  module.depth = parent.depth + 1;
}
for (const module of [...modules].reverse()) {
  if (module.parent < 0) continue;
  modules[module.parent].end = Math.max(modules[module.parent].end, module.end);
}

// Sums the own figures of each module and of all modules below.
function summed(own) {
  const totals = modules.map((module) => own(module.id) || 0);
  for (let id = modules.length - 1; id > 0; id -= 1) totals[modules[id].parent] += totals[id];
  return totals;
}

const column = (values, homeless = 0) =>
  summed((id) => (id === HOMELESS ? homeless : values[id]));

const totals = {
  parameters: column(columns.parameters),
  nodes: column(columns.nodes, facts.homeless.nodes),
  flops: column(columns.flops, facts.homeless.flops),
  unknown: column(columns.unknown),
  // Measured medians of modules including those below, not sums of medians.
  time: profile ? modules.map(({ id }) => (id === HOMELESS ? facts.homeless.time : profile.median[id])) : null,
};

// Returns the spread of the runs: half the interquartile range, as a share of the median.
function spreadOf(id) {
  if (!profile || id === HOMELESS || !profile.median[id]) return "";
  return `±${Math.round((50 * (profile.high[id] - profile.low[id])) / profile.median[id])}%`;
}

// Five kinds of evidence, and the number of nodes per kind, including the modules below.
const EVIDENCE = ["named", "inferred", "guessed", "conflict", "unplaced"];
const kindOfSource = (source) =>
  source < 0 ? "conflict" : facts.placement.sources[source][1];
function ownEvidence(id, kind) {
  if (id === HOMELESS) return kind === "unplaced" ? facts.homeless.nodes : 0;
  let count = 0;
  const told = columns.evidence[id];
  for (let at = 0; at < told.length; at += 2) if (kindOfSource(told[at]) === kind) count += told[at + 1];
  return count;
}
const evidence = Object.fromEntries(EVIDENCE.map((kind) => [kind, summed((id) => ownEvidence(id, kind))]));

// Returns the numbers of the modules from the root to a module.
function lineage(id) {
  const found = [];
  for (let at = id; at >= 0; at = modules[at].parent) found.push(at);
  return found.reverse();
}

// Returns the path of a module, shortened to its end for a very deep module.
const DEEPEST = 60;
function pathOf(id) {
  const names = [];
  let at = id;
  for (; at > 0 && names.length < DEEPEST; at = modules[at].parent) names.push(modules[at].name);
  if (at > 0) names.push("…");
  return names.reverse().join(".") || "(root)";
}

// Returns the name of a module; a number is preceded by the name of its parent, except for the root.
function titleOf(id) {
  const { name, parent } = modules[id];
  return /^\d+$/.test(name) && parent > 0 ? `${modules[parent].name}.${name}` : labelOf(id);
}

const labelOf = (id) => (id === 0 ? "(root)" : modules[id].name);

// Sums pairs (key, count) of a column over a module and all modules below, largest count first.
function tally(values, id) {
  const counts = new Map();
  for (let each = id; each < Math.min(modules[id].end, values.length); each += 1) {
    const pairs = values[each];
    for (let at = 0; at < pairs.length; at += 2) counts.set(pairs[at], (counts.get(pairs[at]) || 0) + pairs[at + 1]);
  }
  return [...counts].sort((one, other) => other[1] - one[1]);
}

// Returns the kind of difference of a module from the second model; the most important kind wins.
function differenceOf(id) {
  if (!diff || id === HOMELESS) return null;
  if (diff.first && diff.first.module === id) return "first";
  const told = diff.modules[id];
  if (!told) return "same";
  if (told.gone) return "gone";
  if (told.calls && told.calls.some((call) => call[1])) return "diverges";
  if (told.changes) return "changed";
  return "same";
}
const DIFFERENCES = {
  first: "differs here first",
  diverges: "diverges",
  changed: "changed",
  gone: "gone",
  same: "no difference found",
};

// The most frequent classes have a colour each; all other and unknown classes share one.
const CLASS_COLOURS = 8;
const colourOfClass = (() => {
  const counts = new Map();
  for (const { className } of modules) if (className) counts.set(className, (counts.get(className) || 0) + 1);
  const ranked = [...counts].sort((one, other) => other[1] - one[1]).slice(0, CLASS_COLOURS);
  return new Map(ranked.map(([name], rank) => [name, rank]));
})();
