// The state of the page, and the actions that change it and update the views.

const state = {
  selected: 0,
  zoom: 0,
  measure: facts.by,
  colour: diff ? "difference" : evidence.inferred[0] + evidence.guessed[0] + evidence.conflict[0] + evidence.unplaced[0] || !colourOfClass.size ? "evidence" : "class",
  words: [],
  matches: null, // numbers of the modules that match the search; null without a search
  leading: new Set(), // ancestors of these modules
  least: 0, // share of the measure below which the table leaves out modules
};

const actions = {
  select(id, from) {
    state.selected = id;
    icicle?.refresh();
    if (from === "table") table.refresh();
    else {
      // A selection in the icicle or graph does not scroll the table, since that could move them out of view.
      table.reveal(id, from !== "icicle" && from !== "graph");
      table.refresh();
    }
    if (from !== "graph") graph?.follow(id);
    detail.show(id);
  },
  zoom(id) {
    state.zoom = state.zoom === id ? Math.max(modules[id].parent, 0) : id;
    state.selected = id;
    icicle?.draw();
    table.reveal(id, false);
    table.refresh();
    graph?.follow(id);
    detail.show(id);
    back.hidden = state.zoom === 0;
  },
  showParts: (parts, name) => detail.showParts(parts, name),
};

// A graph of one box says little: it begins at the first module with several parts.
function firstModuleOfGraph() {
  let id = 0;
  for (;;) {
    const { parts } = partsOfModule(id);
    if (parts.length !== 1 || parts[0].kind !== "module") return id;
    [{ id }] = parts;
  }
}

function search(query) {
  state.words = query.toLowerCase().split(/\s+/).filter(Boolean);
  state.matches = null;
  if (state.words.length) {
    state.matches = new Set();
    state.leading = new Set();
    for (const { id, className } of modules) {
      const hay = `${pathOf(id)} ${className || ""} ${textOf(columns.full[id] ?? -1) || ""}`.toLowerCase();
      if (!state.words.every((word) => hay.includes(word))) continue;
      state.matches.add(id);
      for (let at = modules[id].parent; at >= 0 && !state.leading.has(at); at = modules[at].parent) state.leading.add(at);
    }
  }
  found.textContent = state.matches ? `${counted(state.matches.size, "module")} found` : "";
  table.draw();
  icicle?.refresh();
}

const detail = makeDetail(actions);
const table = makeTable(state, actions);
const icicle = facts.measures.length ? makeIcicle(state, actions) : null;
const graph = flow.module.length ? makeGraph(actions) : null;
document.getElementById("graph").hidden = !graph;

drawOverview(actions);

const heading = make("h2", { id: "icicle-title" });
const nameIcicle = () => {
  const noun = icicle ? MEASURES[state.measure].noun : "";
  if (!noun) heading.textContent = "Icicle";
  else heading.textContent = noun === "time" ? "Where the time goes" : `Where the ${noun} are`;
};
nameIcicle();
const legend = make("div", { class: "legend-place" }, makeLegend(state.colour));
const back = make("button", { type: "button", class: "quiet", hidden: true, onclick: () => actions.zoom(0) }, "Show all");
const lacking = (measure) => {
  if (facts.measures.includes(measure)) return "";
  return { time: "No profile: run with --profile", flops: "No FLOPs are known", parameters: "No parameters were found", nodes: "The model has no nodes" }[measure];
};
const controls = make("div", { class: "controls" },
  makeSwitch("measure", "Size", Object.entries(MEASURES).map(([name, { title }]) => [name, title, lacking(name)]), state.measure, (measure) => {
    state.measure = measure;
    nameIcicle();
    icicle.draw();
    table.draw();
  }),
  makeSwitch("colour", "Colour", [["evidence", "Evidence"], ["class", "Class", colourOfClass.size ? "" : "No class is known"], ...(diff ? [["difference", "Difference"]] : [])], state.colour, (colour) => {
    state.colour = colour;
    icicle?.draw();
    legend.replaceChildren(makeLegend(colour));
  }));
document.getElementById("icicle").append(
  make("div", { class: "bar-line" }, heading, back, icicle ? controls : ""),
  icicle ? icicle.element : make("p", { class: "nothing" }, "This model has no nodes and no parameters."),
  icicle ? legend : "");

const box = make("input", { type: "search", id: "search", placeholder: "Search path or class", "aria-label": "Search path or class", autocomplete: "off", spellcheck: "false",
  oninput: () => search(box.value),
  onkeydown: (event) => {
    if (event.key === "Escape") {
      box.value = "";
      search("");
    } else if (event.key === "Enter" || event.key === "ArrowDown") {
      event.preventDefault();
      const first = table.first();
      if (first !== undefined && first !== null) actions.select(first, "search");
      table.focus(state.selected);
    }
  } });
const found = make("span", { class: "found", role: "status" });
document.getElementById("table").append(
  make("div", { class: "bar-line" },
    make("h2", { id: "table-title" }, "Modules"),
    make("span", { class: "search" }, box, make("kbd", { "aria-hidden": "true" }, "/")),
    found,
    makeTableTools(state, table, (text) => { found.textContent = text; }),
    make("span", { class: "buttons" },
      make("button", { type: "button", class: "quiet", onclick: () => table.toggleAll(true) }, "Unfold all"),
      make("button", { type: "button", class: "quiet", onclick: () => table.toggleAll(false) }, "Fold all"))),
  table.element,
  make("p", { class: "hint" }, "Keys: / searches, arrows move and fold, Enter zooms the icicle, Escape goes back."));

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target === box) return;
  event.preventDefault();
  box.focus();
  box.select();
});

table.draw();
icicle?.draw();
graph?.enter(firstModuleOfGraph());
detail.show(0);
// As a selection in the icicle, since one from elsewhere would scroll the page.
if (diff?.first) actions.select(diff.first.module, "icicle");
