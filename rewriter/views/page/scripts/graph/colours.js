// What colours and figures mean in the graph.

const elementOf = (value) => (typeOfValue(value) || "").split(/[ ,]/)[0];
const sumOf = (nodes, figure) => nodes.reduce((sum, node) => sum + Math.max(figure(node), 0), 0);

// Returns the most frequent element type that a box computes; "" if unknown.
function precisionOf(box) {
  const counts = new Map();
  const values = box.nodes.length ? box.nodes.flatMap(outputsOf) : box.values;
  for (const value of values) {
    const element = elementOf(value);
    if (element) counts.set(element, (counts.get(element) || 0) + 1);
  }
  return [...counts].sort((one, other) => other[1] - one[1])[0]?.[0] || "";
}
const PRECISIONS = [...new Set(flow.types.map((type) => (textOf(type) || "").split(/[ ,]/)[0]).filter(Boolean))].slice(0, CLASS_COLOURS);

// Figures by box; null where none is known.
const sizeOfBox = (box, ofModule, ofNode) => {
  if (box.kind === "module") return ofModule(box.id);
  if (box.kind === "node") return ofNode(box.id);
  if (box.kind !== "group") return null;
  return box.parts.reduce((sum, part) => { const size = sizeOfBox(part, ofModule, ofNode); return size === null ? sum : (sum ?? 0) + size; }, null);
};
const nodesOfBox = (box) => sizeOfBox(box, (id) => totals.nodes[id], () => 1);
const HEATS = {
  flops: { title: "FLOPs", short: MEASURES.flops.short, of: (box) => sizeOfBox(box, (id) => totals.flops[id], (node) => (flow.flops[node] < 0 ? null : flow.flops[node])) },
  bytes: { title: "Bytes of parameters", short: bytes, of: (box) => sizeOfBox(box, (id) => columns.bytes[id], () => null) },
  time: { title: "Time", short: time, of: (box) => sizeOfBox(box, (id) => (totals.time ? totals.time[id] : null), () => null) },
  error: { title: "Error", short: (error) => (error === Infinity ? "infinite error" : error === 0 ? "equal" : `off by ${error.toPrecision(2)}`), of: (box) => errorOf(box) },
};

// Returns the largest relative deviation of a box from the second model; null if not compared.
function errorOf(box) {
  if (box.kind === "group") return box.parts.reduce((most, part) => { const error = errorOf(part); return error === null ? most : Math.max(most ?? 0, error); }, null);
  if (!diff || box.kind !== "module") return null;
  const errors = (diff.modules[box.id]?.calls || []).map(([far]) => far).filter((far) => far !== null);
  return errors.length ? Math.max(...errors.map((far) => (far < 0 ? Infinity : far))) : null;
}
// An error of 1e-7 is as faint as a figure of 0, one of 1 is full; other figures are shares of the largest.
const warmth = (colour, figure, most) => (colour === "error" ? Math.min(Math.max((Math.log10(figure || 1e-9) + 7) / 7, 0), 1) : most ? figure / most : 0);

const graphColours = [
  ["class", "Class", colourOfClass.size > 0],
  ["evidence", "Evidence", true],
  ["precision", "Precision", PRECISIONS.length > 0],
  ["flops", HEATS.flops.title, facts.measures.includes("flops")],
  ["bytes", HEATS.bytes.title, facts.measures.includes("parameters")],
  ["time", HEATS.time.title, Boolean(profile)],
  ["difference", "Difference", Boolean(diff)],
  ["error", HEATS.error.title, Boolean(diff && !diff.skipped)],
].filter(([, , known]) => known);

// Returns the evidence of a box: the kind of most of its nodes.
function evidenceOfBox(box) {
  if (box.kind === "module") return EVIDENCE.map((kind) => [kind, evidence[kind][box.id]]).sort((one, other) => other[1] - one[1])[0][0];
  if (box.kind === "node" && flow.module[box.id] < 0) return "unplaced";
  return null;
}

// Colours one box, where `most` is the largest figure of the graph.
function paintBox(element, box, colour, most) {
  if (box.kind === "input" || box.kind === "output") return;
  const heat = HEATS[colour];
  if (heat) {
    const figure = heat.of(box);
    if (figure === null) return;
    element.classList.add("heat");
    element.style.setProperty("--heat", `${Math.round(72 * warmth(colour, figure, most))}%`);
  } else if (colour === "precision") {
    const rank = PRECISIONS.indexOf(precisionOf(box));
    element.classList.add(rank < 0 ? "other-class" : `class-${rank}`);
  } else if (colour === "class" && (box.kind === "module" || box.kind === "group")) {
    const inner = box.kind === "module" ? box : box.parts[0];
    const rank = inner.kind === "module" ? colourOfClass.get(modules[inner.id].className) : undefined;
    element.classList.add(rank === undefined ? "other-class" : `class-${rank}`);
  } else if (colour === "difference" && box.kind === "module") {
    element.classList.add(`diff-${differenceOf(box.id)}`);
  } else if (colour === "evidence") {
    const kind = evidenceOfBox(box);
    if (kind) element.classList.add(`evidence-${kind}`);
  }
}

function makeGraphLegend(colour, most) {
  if (colour === "precision") {
    return make("ul", { class: "legend" }, PRECISIONS.map((name, rank) => make("li", {}, make("span", { class: `key class-${rank}`, "aria-hidden": "true" }), name)));
  }
  if (HEATS[colour]) {
    const range = colour === "error" ? ["1e-7 and less", "1 and more, relative to the largest value"] : ["0", most ? `${HEATS[colour].short(most)}, the most of this graph` : "no figure in this graph"];
    return make("ul", { class: "legend" }, make("li", {}, range[0], make("span", { class: "ramp", "aria-hidden": "true" }), range[1]));
  }
  return makeLegend(colour);
}
