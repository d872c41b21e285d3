// The tree as a table with rows that fold; the Tab key reaches one row, arrows move between rows.

const OPEN_ROWS = 40; // at first, modules are unfolded until this many rows are visible

function makeTable(state, actions) {
  const open = firstOpen();
  const body = make("div", { class: "rows", role: "rowgroup" });
  const grid = make("div", { class: `grid ${diff || profile ? "many" : ""}`, role: "treegrid", "aria-label": "Modules", "aria-readonly": "true", onkeydown: onKey });
  let rows = new Map();

  const figure = (title, kind, cell, value) => ({ title, kind: `figure ${kind}`, cell, value });
  const shown = [
    { title: "Module", kind: "module", cell: moduleCell, value: labelOf },
    { title: "Class", kind: "class", cell: (id) => modules[id].className || "", value: (id) => modules[id].className || "" },
    ...(columns.calls.some((calls) => calls > 1) ? [figure("Calls", "calls", callsCell, (id) => columns.calls[id] || 0)] : []),
    ...facts.measures.map((measure) =>
      figure(measure === "parameters" ? "Params" : MEASURES[measure].title, measure, (id) => sizeCell(id, measure), (id) => totals[measure][id])),
    ...(diff ? [{ title: "Difference", kind: "difference", cell: differenceCell, value: (id) => errorOf({ kind: "module", id }) ?? -1 }] : []),
    { title: "Evidence", kind: "evidence", cell: evidenceCell },
    { title: "Share", kind: "share", cell: shareCell, value: (id) => totals[state.measure]?.[id] ?? 0 },
  ];

  function header() {
    const titleOf = ({ title, kind }) =>
      kind === "share" && facts.measures.length ? `Share of ${MEASURES[state.measure].noun}` : title;
    return make("div", { class: "row head", role: "row" },
      shown.map((each) => make("span", { class: `column ${each.kind}`, role: "columnheader", "aria-sort": sortedBy(each) },
        each.value ? make("button", { type: "button", class: "sort", title: "Sort siblings by this column", onclick: () => sort(each) }, titleOf(each)) : titleOf(each))));
  }

  // A click sorts the siblings of each module, figures from the largest and texts from A; the next one turns
  // the order around, and the third restores the order of the tree.
  let order = null; // the column, and whether its order is turned around
  function sort(column) {
    const same = order?.column === column;
    order = same && order.turned ? null : { column, turned: same };
    draw();
    grid.querySelectorAll(".heads .column")[shown.indexOf(column)].firstChild.focus();
  }
  const rises = ({ column, turned }) => (typeof column.value(0) === "string") !== turned;
  const sortedBy = (column) => (order?.column !== column ? null : rises(order) ? "ascending" : "descending");
  function sorted(ids) {
    if (!order) return ids;
    const { value } = order.column;
    const compare = (one, other) => (typeof one === "string" ? one.localeCompare(other, "en", { numeric: true }) : one - other);
    return [...ids].sort((one, other) => compare(value(one), value(other)) * (rises(order) ? 1 : -1));
  }

  function callsCell(id) {
    return columns.calls[id] > 1 ? `×${whole(columns.calls[id])}` : "";
  }

  function sizeCell(id, measure) {
    const total = totals[measure][id];
    if (!total) return "";
    const spread = measure === "time" ? spreadOf(id) : "";
    return [MEASURES[measure].short(total), spread ? make("span", { class: "spread" }, spread) : null];
  }

  function moduleCell(id) {
    const module = modules[id];
    const fold = make("span", { class: "fold", "aria-hidden": "true", onclick: (event) => { event.stopPropagation(); toggle(id); } });
    return [
      fold,
      make("span", { class: "name" }, marked(labelOf(id), state.words)),
      module.className ? make("span", { class: "class-below" }, marked(module.className, state.words)) : null,
    ];
  }

  function differenceCell(id) {
    const kind = differenceOf(id);
    if (!kind || kind === "same") return "";
    const error = errorOf({ kind: "module", id });
    const badge = make("span", { class: `badge diff-${kind}`, title: error ? HEATS.error.short(error) : null }, DIFFERENCES[kind]);
    if (error) {
      badge.classList.add("heat");
      badge.style.setProperty("--heat", `${Math.round(72 * warmth("error", error))}%`);
    }
    return badge;
  }

  function evidenceCell(id) {
    const parts = EVIDENCE.map((kind) => [kind, evidence[kind][id]]);
    const all = parts.reduce((sum, [, count]) => sum + count, 0);
    return all ? makeBar("evidence", parts, all) : "";
  }

  function shareCell(id) {
    const sizes = totals[state.measure];
    if (!sizes || !sizes[id]) return "";
    return [makeBar("share", [["size", sizes[id]]], sizes[0]), make("span", { class: "percent" }, percent(sizes[id], sizes[0]))];
  }

  function evidenceTitle(id) {
    return EVIDENCE.filter((kind) => evidence[kind][id]).map((kind) => `${whole(evidence[kind][id])} ${kind}`).join(", ");
  }

  // Returns the modules to unfold at first: all of a small tree, the upper levels of a large one.
  function firstOpen() {
    const found = new Set([0]);
    let count = 1 + modules[0].children.length;
    for (let level = [...modules[0].children]; level.length; level = level.flatMap((id) => (found.has(id) ? modules[id].children : []))) {
      for (const id of level) {
        const below = modules[id].children.length;
        if (below && count + below <= Math.max(OPEN_ROWS, 0)) {
          found.add(id);
          count += below;
        }
      }
    }
    return found;
  }

  const isOpen = (id) => (state.matches ? state.leading.has(id) : open.has(id));
  const below = (id) => sorted(modules[id].children.filter((child) => (!state.matches || state.matches.has(child) || state.leading.has(child)) && isLarge(child)));
  const isLarge = (id) => !state.least || totals[state.measure][id] >= state.least * totals[state.measure][0];

  function visible() {
    const found = [];
    const stack = [[0, 1, 1]];
    while (stack.length) {
      const [id, position, siblings] = stack.pop();
      found.push([id, position, siblings]);
      const children = below(id);
      if (isOpen(id)) for (let at = children.length - 1; at >= 0; at -= 1) stack.push([children[at], at + 1, children.length]);
    }
    return found;
  }

  function draw() {
    const held = grid.contains(document.activeElement);
    rows = new Map();
    const nothing = state.matches && !state.matches.size;
    const drawn = nothing ? [] : visible().map(([id, position, siblings]) => drawRow(id, position, siblings));
    if (nothing) drawn.push(make("p", { class: "nothing" }, "No module has all of these words in its path or class."));
    body.replaceChildren(...drawn);
    grid.replaceChildren(make("div", { role: "rowgroup", class: "heads" }, header()), body);
    refresh();
    if (held) focus(state.selected);
  }

  function drawRow(id, position, siblings) {
    const module = modules[id];
    const children = below(id);
    const row = make("div", {
      class: `row${state.matches && !state.matches.has(id) ? " leading" : ""}`,
      role: "row",
      "aria-level": String(module.depth + 1),
      "aria-posinset": String(position),
      "aria-setsize": String(siblings),
      "aria-expanded": children.length ? String(isOpen(id)) : null,
      tabindex: "-1",
      onclick: () => { actions.select(id, "table"); focus(id); },
      ondblclick: () => toggle(id),
    });
    row.style.setProperty("--depth", Math.min(module.depth, 24));
    const titles = { module: pathOf(id), class: textOf(columns.full[id] ?? -1) || module.className, evidence: evidenceTitle(id) };
    row.append(...shown.map(({ kind, cell }) => {
      const measure = kind.split(" ")[1];
      const full = MEASURES[measure] && totals[measure][id] ? MEASURES[measure].full(totals[measure][id]) : titles[kind] || null;
      return make("span", { class: `column ${kind}`, role: "gridcell", title: full, "aria-label": kind === "evidence" ? titles.evidence : null }, cell(id));
    }));
    rows.set(id, row);
    return row;
  }

  function refresh() {
    const first = rows.has(state.selected) ? state.selected : rows.keys().next().value;
    for (const [id, row] of rows) {
      row.setAttribute("aria-selected", String(id === state.selected));
      row.setAttribute("tabindex", id === first ? "0" : "-1");
    }
  }

  function toggle(id, wanted = !isOpen(id)) {
    if (!modules[id].children.length || state.matches) return;
    if (wanted) open.add(id);
    else open.delete(id);
    // Select the folded module if the selection would be hidden, so that the detail panel shows a visible row.
    if (!wanted && lineage(state.selected).includes(id)) actions.select(id, "table");
    draw();
  }

  function toggleAll(wanted) {
    open.clear();
    open.add(0);
    if (wanted) for (const module of modules) if (module.children.length) open.add(module.id);
    if (!wanted && !visible().some(([id]) => id === state.selected)) actions.select(0, "table");
    draw();
  }

  function reveal(id, scroll) {
    if (!state.matches) {
      const hidden = lineage(id).slice(0, -1).filter((each) => !open.has(each));
      for (const each of hidden) open.add(each);
      if (hidden.length) draw();
    }
    if (scroll) rows.get(id)?.scrollIntoView({ block: "nearest" });
  }

  function focus(id) {
    const row = rows.get(id) || rows.values().next().value;
    row?.focus();
  }

  function onKey(event) {
    if (event.target.closest(".heads") || event.ctrlKey || event.metaKey || event.altKey) return;
    const order = [...rows.keys()];
    const at = order.indexOf(state.selected);
    const id = order[at] ?? 0;
    const go = (next) => {
      if (next === undefined) return;
      actions.select(next, "table");
      focus(next);
    };
    const handlers = {
      ArrowDown: () => go(order[at + 1]),
      ArrowUp: () => go(order[at - 1]),
      Home: () => go(order[0]),
      End: () => go(order[order.length - 1]),
      ArrowRight: () => (isOpen(id) || state.matches ? go(below(id)[0]) : toggle(id, true)),
      ArrowLeft: () => {
        if (isOpen(id) && below(id).length && !state.matches) toggle(id, false);
        else if (modules[id].parent >= 0) go(modules[id].parent);
      },
      Enter: () => actions.zoom(id),
      " ": () => toggle(id),
    };
    if (!handlers[event.key]) return;
    event.preventDefault();
    handlers[event.key]();
  }

  return { element: grid, draw, refresh, reveal, focus, toggleAll, first: () => state.matches && [...rows.keys()].find((id) => state.matches.has(id)) };
}
