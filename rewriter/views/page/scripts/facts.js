// The facts of the page, as modules in tree order: parents before children, so that the modules
// below one are those from its own number up to `end`.

const facts = JSON.parse(document.getElementById("facts").textContent);
const columns = facts.modules;
const profile = facts.profile;
const diff = facts.diff;

// A text of the table; null where nobody knows one.
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

// What no module holds stands beside the modules, so that sizes add up.
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

// Sums of what modules hold themselves, each with all below.
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
  // Medians of modules with all below, as the profiler's runs have them: no sums of medians.
  time: profile ? modules.map(({ id }) => (id === HOMELESS ? facts.homeless.time : profile.median[id])) : null,
};

// How much the runs differ: half the width of their middle half, as a share of the median.
function spreadOf(id) {
  if (!profile || id === HOMELESS || !profile.median[id]) return "";
  return `±${Math.round((50 * (profile.high[id] - profile.low[id])) / profile.median[id])}%`;
}

// Evidence in four kinds: how many nodes, each with all below.
const EVIDENCE = ["exact", "inferred", "conflict", "unplaced"];
const kindOfSource = (source) =>
  source < 0 ? "conflict" : facts.placement.sources[source][1] ? "exact" : "inferred";
function ownEvidence(id, kind) {
  if (id === HOMELESS) return kind === "unplaced" ? facts.homeless.nodes : 0;
  let count = 0;
  const told = columns.evidence[id];
  for (let at = 0; at < told.length; at += 2) if (kindOfSource(told[at]) === kind) count += told[at + 1];
  return count;
}
const evidence = Object.fromEntries(EVIDENCE.map((kind) => [kind, summed((id) => ownEvidence(id, kind))]));

// From the root to a module, by number.
function lineage(id) {
  const found = [];
  for (let at = id; at >= 0; at = modules[at].parent) found.push(at);
  return found.reverse();
}

// The path of a module; of one that lies very deep the end, since a file nests as it likes.
const DEEPEST = 60;
function pathOf(id) {
  const names = [];
  let at = id;
  for (; at > 0 && names.length < DEEPEST; at = modules[at].parent) names.push(modules[at].name);
  if (at > 0) names.push("…");
  return names.reverse().join(".") || "(root)";
}

// A name that tells something: a number by itself does not.
function titleOf(id) {
  const { name, parent } = modules[id];
  return /^\d+$/.test(name) && parent > 0 ? `${modules[parent].name}.${name}` : labelOf(id);
}

const labelOf = (id) => (id === 0 ? "(root)" : modules[id].name);

// Sums pairs (key, count) of a column over a module and all below, most first.
function tally(values, id) {
  const counts = new Map();
  for (let each = id; each < Math.min(modules[id].end, values.length); each += 1) {
    const pairs = values[each];
    for (let at = 0; at < pairs.length; at += 2) counts.set(pairs[at], (counts.get(pairs[at]) || 0) + pairs[at + 1]);
  }
  return [...counts].sort((one, other) => other[1] - one[1]);
}

// How a module compares with the second model: what is told first is what matters most.
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
  first: "parts here first",
  diverges: "diverges",
  changed: "changed",
  gone: "gone",
  same: "no difference found",
};

// The classes that occur most have a colour each; all others share one.
const CLASS_COLOURS = 8;
const colourOfClass = (() => {
  const counts = new Map();
  for (const { className } of modules) if (className) counts.set(className, (counts.get(className) || 0) + 1);
  const ranked = [...counts].sort((one, other) => other[1] - one[1]).slice(0, CLASS_COLOURS);
  return new Map(ranked.map(([name], rank) => [name, rank]));
})();
