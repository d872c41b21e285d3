// The detail of what is no module: a node, a group, or a value that enters or leaves the graph.

function graphDetail(box, title) {
  if (box.kind === "node") return nodeParts(box.id);
  if (box.kind === "group") {
    return [make("h2", {}, title), figures([["Nodes", whole(nodesOfBox(box))], ["Parts", whole(box.parts.length)], box.times ? ["Repetitions", whole(box.times), "of equal operators, attributes and sizes"] : null])];
  }
  return [make("h2", {}, title), valueSection(box.kind === "input" ? "Values from outside" : "Values read outside", box.values)];
}

function nodeParts(node) {
  const home = flow.module[node];
  const attributes = (textOf(flow.attributes[node]) || "").split("\n").filter(Boolean).map((line) => line.split(" = "));
  const stored = readsOf(node).filter(isStored);
  return [
    make("h2", {}, operatorOfNode(node)),
    make("p", { class: "class-line" }, home < 0 ? "a node without a module" : `a node of ${pathOf(home)}`),
    nameOfNode(node) ? make("p", { class: "mono path-of-node" }, nameOfNode(node)) : make("p", { class: "note" }, "without a name"),
    figures([["FLOPs", flow.flops[node] < 0 ? "unknown" : whole(flow.flops[node])]]),
    attributes.length ? section("Attributes", typedRows(attributes.map(([name, ...rest]) => [name, rest.join(" = ")]))) : null,
    valueSection("Reads", readsOf(node).filter((value) => !isStored(value))),
    stored.length ? section("Parameters and constants", typedRows(stored.map((value) => [storedName(value), typeOfValue(value) || "type unknown"]))) : null,
    valueSection("Writes", outputsOf(node)),
  ];
}

function storedName(value) {
  const [, beginning, end] = flow.stored[value];
  return beginning < 0 ? `constant ${textOf(end)}` : textOf(beginning) + textOf(end);
}

function typedRows(rows) {
  return folded(rows.map(([name, type]) => make("tr", {}, make("td", { class: "mono" }, name), make("td", { class: "type" }, type))), (listed) => make("table", {}, make("tbody", {}, listed)));
}

function valueSection(title, values) {
  return values.length ? section(title, typedRows(values.map((value) => [nameOfValue(value), typeOfValue(value) || "type unknown"]))) : null;
}
