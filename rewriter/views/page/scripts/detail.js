// The detail panel: all results on the selected module.

const LISTED = 12; // number of entries of a long list that are not folded

function makeDetail(actions) {
  const content = make("div", { class: "detail-content" });
  const title = make("span", { class: "handle-title" });
  const handle = make("button", { type: "button", class: "handle", "aria-expanded": "false", onclick: unfold }, title);
  const element = document.getElementById("detail");
  element.append(handle, content);

  function unfold() {
    const wanted = !element.classList.contains("unfolded");
    element.classList.toggle("unfolded", wanted);
    handle.setAttribute("aria-expanded", String(wanted));
  }

  function show(id) {
    if (id === HOMELESS) showParts(homeless(), "Not placed");
    else showParts(moduleParts(id, actions), pathOf(id));
  }

  function showParts(parts, name) {
    title.textContent = name;
    content.replaceChildren(...parts.filter(Boolean));
    content.scrollTop = 0;
  }
  return { show, showParts };
}

const section = (title, ...children) => make("section", {}, make("h3", {}, title), children);

function figures(pairs) {
  return make("dl", { class: "figures" }, pairs.filter(Boolean).map(([name, value, note]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, value, note ? make("span", { class: "note" }, note) : null))));
}

// Makes a list; if the list is long, its later entries are in an element that unfolds.
function folded(entries, wrap) {
  if (entries.length <= LISTED + 2) return [wrap(entries)];
  const rest = make("details", {}, make("summary", {}, `${whole(entries.length - LISTED)} more`), wrap(entries.slice(LISTED)));
  return [wrap(entries.slice(0, LISTED)), rest];
}

function homeless() {
  return [
    make("h2", {}, "Not placed"),
    make("p", {}, "Nodes that no evidence places, and kernels whose module is unknown."),
    figures(facts.measures.filter((each) => facts.homeless[each]).map((each) => [MEASURES[each].title, MEASURES[each].full(facts.homeless[each])])),
    profile && profile.unmapped.length ? section("Unmapped kernels", make("ul", { class: "plain mono" }, profile.unmapped.map((each) => make("li", {}, each)))) : null,
  ];
}

function moduleParts(id, actions) {
  const module = modules[id];
  const full = textOf(columns.full[id]);
  const crumbs = lineage(id).slice(-DEEPEST).map((each) => make("button", { type: "button", class: "crumb", onclick: () => actions.select(each, "detail") }, labelOf(each)));
  return [
    make("h2", {}, titleOf(id)),
    make("p", { class: "class-line", title: full }, full || (module.className ? `${module.className} (inferred from its operators)` : "class unknown")),
    columns.folding[id] ? make("p", { class: "note" }, columns.folding[id]) : null,
    id ? make("nav", { class: "crumbs", "aria-label": "Path" }, crumbs) : null,
    id ? make("p", { class: "path mono" }, pathOf(id)) : null,
    differenceSection(id),
    figureList(id),
    functionSection(id),
    portSection("Inputs", columns.inputs[id]),
    portSection("Outputs", columns.outputs[id]),
    weightSection(id),
    timeSection(id),
    evidenceSection(id),
    operatorSection(id),
  ];
}

function figureList(id) {
  const module = modules[id];
  const own = columns.nodes[id];
  const unknown = totals.unknown[id];
  const below = module.end - id - 1 - (id === 0 && HOMELESS >= 0 ? 1 : 0);
  const held = columns.held[id];
  const flops = totals.flops[id];
  return figures([
    ["Calls", columns.calls[id] ? whole(columns.calls[id]) : "none", columns.calls[id] ? null : totals.nodes[id] ? "a list of modules" : "no nodes here or below"],
    ["Nodes", whole(totals.nodes[id]), own === totals.nodes[id] ? null : `${whole(own)} its own`],
    below ? ["Modules below", whole(below)] : null,
    held ? ["Parameters", whole(held), bytes(columns.bytes[id])] : null,
    flops || unknown ? ["FLOPs", flops ? `${unknown ? "at least " : ""}${whole(flops)}` : "unknown", unknown ? `${counted(unknown, "node")} unknown` : null] : null,
    totals.time ? ["Time", time(totals.time[id]), `${percent(totals.time[id], totals.time[0]) || "0%"} of all kernels`] : null,
  ]);
}

function functionSection(id) {
  const became = columns.functions[id];
  if (!became.length) return null;
  return section("Function", make("ul", { class: "plain" }, became.map((number) => {
    const { name, domain, nodes } = facts.functions[number];
    return make("li", {}, make("span", { class: "mono" }, name), make("span", { class: "note" }, `${domain} · ${counted(nodes, "node")}`));
  })));
}

function portSection(title, told) {
  if (!told.length) return null;
  const entries = [];
  for (let at = 0; at + 1 < told.length; at += 2) {
    entries.push(make("tr", {}, make("td", { class: "mono", title: told[at] }, told[at]), make("td", { class: "type" }, textOf(told[at + 1]) || "type unknown")));
  }
  const left = told.length % 2 ? make("p", { class: "note" }, `and ${whole(told[told.length - 1])} more`) : null;
  return section(title, folded(entries, (rows) => make("table", {}, make("tbody", {}, rows))), left);
}

function weightSection(id) {
  const entries = columns.weights[id].map(([name, type, size, initializer, said]) =>
    make("tr", {},
      make("td", { class: "mono", title: initializer ? `initializer ${initializer}` : name },
        name,
        initializer ? make("span", { class: "note" }, `in the file: ${initializer}`) : null,
        said ? make("span", { class: "note" }, said) : null),
      make("td", { class: "type" }, textOf(type), make("span", { class: "note" }, bytes(size)))));
  return entries.length ? section("Parameters of its own", folded(entries, (rows) => make("table", {}, make("tbody", {}, rows)))) : null;
}

function timeSection(id) {
  if (!profile || !totals.time[id]) return null;
  const own = profile.own[id];
  return section("Time of a run", figures([
    ["Median", time(profile.median[id]), `half of the runs from ${time(profile.low[id])} to ${time(profile.high[id])}`],
    ["Spread", spreadOf(id), "half the width of that range, as a share of the median"],
    ["Its own nodes", time(own), `median; ${counted(profile.kernels[id], "kernel")}`],
  ]));
}

function evidenceSection(id) {
  const told = tally(columns.evidence, id);
  const all = told.reduce((sum, [, count]) => sum + count, 0);
  if (!all) return null;
  const rows = told.map(([source, count]) => {
    const kind = kindOfSource(source);
    const name = source < 0 ? "witnesses disagree" : `${facts.placement.sources[source][0]}${kind === "named" ? "" : ` (${kind})`}`;
    return barRow(name, count, all, kind);
  });
  return section("Evidence", make("ul", { class: "plain bars" }, rows));
}

function operatorSection(id) {
  const told = tally(columns.operators, id);
  if (!told.length) return null;
  const most = told[0][1];
  const title = modules[id].children.length ? "Operators, with all below" : "Operators";
  return section(title, folded(told.map(([operator, count]) => barRow(textOf(operator), count, most, "size")), (rows) => make("ul", { class: "plain bars" }, rows)));
}

function barRow(name, count, most, kind) {
  return make("li", { class: "bar-row" }, make("span", { class: "bar-name", title: name }, name), makeBar("list", [[kind, count]], most), make("span", { class: "bar-count" }, whole(count)));
}

function differenceSection(id) {
  const kind = differenceOf(id);
  if (!kind) return null;
  const told = diff.modules[id] || {};
  const changes = (told.changes || []).map(([aspect, name, before, after, relative]) =>
    make("li", {},
      make("span", { class: "mono" }, name),
      make("span", { class: "note" }, changeText(aspect, before, after, relative))));
  const calls = (told.calls || []).map(([far, diverges], call) =>
    make("li", { class: diverges ? "diverges" : null },
      (told.calls.length > 1 ? `call ${call}: ` : "results: ") + (far === null ? "not comparable" : far < 0 ? "infinite difference" : far ? `off by ${far.toPrecision(3)} of the largest value` : "equal")));
  return section(`Against ${diff.other}`,
    make("p", {}, make("span", { class: `badge diff-${kind}` }, DIFFERENCES[kind]), told.other ? ` as ${told.other}` : ""),
    calls.length ? folded(calls, (items) => make("ul", { class: "plain" }, items)) : null,
    changes.length ? folded(changes, (items) => make("ul", { class: "plain changes" }, items)) : null,
    told.more ? make("p", { class: "note" }, `and ${whole(told.more)} more changes`) : null);
}

function changeText(aspect, before, after, relative) {
  if (aspect === "unread") return "parameter: values not compared, they cannot be read";
  if (before === after) return `${aspect}: other values${relative === null ? "" : `, off by ${relative.toPrecision(3)} of the largest`}`;
  return `${aspect}: ${before ?? "none"} → ${after ?? "none"}`;
}
