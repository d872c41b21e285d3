// The graph pane: boxes for the parts of a module, with the dataflow between them.

const BOX = { width: 184, height: 46 };
const PORT = { width: 160, height: 26 };
const MARGIN = 20;
const SMALLEST = 0.4; // least scale at which a graph is fitted into the pane

function makeSvg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const isPort = (box) => box.kind === "input" || box.kind === "output";
// Leaves out the element type float32, the usual one.
const shortType = (type) => (type || "").replace(/^float32 (?=\[)/, "");

function nameOfValue(value) {
  const writer = writerOf[value];
  if (writer < 0) return flow.inputs[value - flow.stored.length];
  const home = homeOfNode(writer);
  return home ? titleOf(home) : operatorOfNode(writer);
}

function makeGraph(actions) {
  let scope = { module: 0, groups: [] };
  let colour = diff ? (diff.skipped ? "difference" : "error") : facts.by === "time" ? "time" : colourOfClass.size ? "class" : "evidence";
  let drawn = null; // boxes, edges, elements and layout of the graph on show
  let scale = 1;
  let chosen = -1;
  const cache = new Map(); // module -> its parts

  const stage = make("div", { class: "graph-stage" });
  const sizer = make("div", { class: "graph-sizer" }, stage);
  const view = make("div", { class: "graph-view", role: "group", "aria-labelledby": "graph-title", onkeydown: onKey }, sizer);
  const crumbs = make("nav", { class: "crumbs graph-crumbs", "aria-label": "Module of the graph" });
  const legend = make("div", { class: "legend-place" });
  const note = make("p", { class: "note graph-note", role: "status" });
  const picker = make("select", { class: "quiet", "aria-label": "Colour of the graph", onchange: () => { colour = picker.value; draw(); } },
    graphColours.map(([value, title]) => make("option", { value, selected: value === colour }, title)));
  const button = (title, label, onclick) => make("button", { type: "button", class: "quiet", "aria-label": label, title: label, onclick }, title);
  const element = document.getElementById("graph");
  element.append(
    make("div", { class: "bar-line" }, make("h2", { id: "graph-title" }, "Dataflow"), crumbs,
      make("span", { class: "controls graph-controls" }, make("label", { class: "switch" }, make("span", { class: "note" }, "Colour"), picker),
        make("span", { class: "zooms" }, button("−", "Smaller", () => zoom(scale / 1.25)), button("+", "Larger", () => zoom(scale * 1.25)), button("Fit", "Fit the graph into the pane", fit)))),
    view, legend, note);

  function partsOf(id) {
    if (!cache.has(id)) cache.set(id, partsOfModule(id));
    return cache.get(id);
  }

  const partsOfScope = () => (scope.groups.length ? scope.groups[scope.groups.length - 1].parts : partsOf(scope.module).parts);

  // Shows the graph of a module, or of a group in it.
  function enter(module, groups = [], choose = null) {
    scope = { module, groups };
    draw();
    if (choose) chooseBox(drawn.boxes.findIndex(choose), false);
  }

  function ascend() {
    if (scope.groups.length) {
      const left = scope.groups[scope.groups.length - 1];
      enter(scope.module, scope.groups.slice(0, -1), (box) => box.kind === "group" && box.nodes[0] === left.nodes[0]);
    } else if (scope.module) {
      const left = scope.module;
      land(left);
      actions.select(left, "graph");
    }
  }

  function descend(box) {
    if (box.kind === "module") {
      if (!partsOf(box.id).parts.length) return;
      enter(box.id);
      actions.select(box.id, "graph");
    } else if (box.kind === "group") enter(scope.module, [...scope.groups, box]);
    else return;
    focusBox(Math.max(chosen, 0));
  }

  // Shows a module among its siblings, inside the group that holds it.
  function land(id) {
    if (id === HOMELESS || id === 0) return enter(0);
    const { parent } = modules[id];
    const holds = (part) => (part.kind === "module" ? part.id === id : part.kind === "group" && part.parts.some(holds));
    const groups = [];
    for (let inside = foldParts(partsOf(parent).parts); ;) {
      const group = inside.find((part) => part.kind === "group" && holds(part));
      if (!group) break;
      groups.push(group);
      inside = foldParts(group.parts);
    }
    return enter(parent, groups, (box) => box.kind === "module" && box.id === id);
  }

  // Follows a selection made elsewhere on the page.
  function follow(id) {
    const at = drawn?.boxes.findIndex((box) => box.kind === "module" && box.id === id) ?? -1;
    if (at >= 0) chooseBox(at, false);
    else if (scope.module !== id || scope.groups.length) land(id);
    else chooseBox(-1, false);
  }

  function draw() {
    const { boxes, edges } = graphOf(foldParts(partsOfScope()));
    const sizes = boxes.map((box) => (isPort(box) ? PORT : BOX));
    const layout = boxes.length ? layOut(sizes, edges) : { boxes: [], courses: [], width: 0, height: 0 };
    const most = HEATS[colour] ? Math.max(0, ...boxes.map((box) => HEATS[colour].of(box) ?? 0)) : 0;
    const elements = boxes.map((box, at) => drawBox(box, at, layout.boxes[at], sizes[at], most));
    chosen = -1;
    drawn = { boxes, edges, elements, layout };
    const labels = boxes.map((box, at) => drawLabel(box, layout.boxes[at], sizes[at])).filter(Boolean);
    stage.replaceChildren(drawEdges(layout), ...labels, ...elements);
    drawCrumbs();
    legend.replaceChildren(makeGraphLegend(colour, most));
    note.textContent = noteOf(boxes);
    elements.forEach((each, at) => each.setAttribute("aria-label", spoken(at)));
    if (elements.length) elements[0].setAttribute("tabindex", "0");
    fit();
  }

  function noteOf(boxes) {
    const told = [];
    const { silent } = partsOf(scope.module);
    if (!boxes.length) told.push("No nodes here.");
    if (silent && !scope.groups.length) told.push(`${counted(silent, "module")} without nodes not drawn.`);
    if (flow.hidden && !scope.module && !scope.groups.length) told.push(`${counted(flow.hidden, "node")} that only hold constants not drawn.`);
    if (["bytes", "time"].includes(colour) && boxes.some((box) => box.kind === "node")) told.push(`${HEATS[colour].title}: known for modules, not for single nodes.`);
    return told.join(" ");
  }

  function drawCrumbs() {
    const entry = (title, onclick) => make("button", { type: "button", class: "crumb", onclick }, title);
    const above = lineage(scope.module).slice(-DEEPEST).map((id) => entry(labelOf(id), () => { enter(id); actions.select(id, "graph"); }));
    const groups = scope.groups.map((group, at) => entry(titleOfBox(group), () => enter(scope.module, scope.groups.slice(0, at + 1))));
    const all = [...above, ...groups];
    all[all.length - 1].setAttribute("aria-current", "true");
    crumbs.replaceChildren(...all);
  }

  function titleOfBox(box) {
    if (box.kind === "group") return box.times ? `${box.title} ×${whole(box.times)}` : box.title;
    if (!isPort(box)) return nameOfPart(box);
    if (box.values.length > 1) return `${whole(box.values.length)} ${box.kind}s`;
    if (box.kind === "input") return nameOfValue(box.values[0]);
    return results.has(box.values[0]) ? "output" : `to ${readersOutside(box.values[0])}`;
  }

  function readersOutside(value) {
    const inside = new Set(partsOfScope().flatMap((part) => part.nodes));
    const readers = new Set((readersOfValue[value] || []).filter((node) => !inside.has(node)).map((node) => (homeOfNode(node) ? titleOf(homeOfNode(node)) : operatorOfNode(node))));
    const [first] = readers;
    return readers.size > 1 ? `${first} and ${whole(readers.size - 1)} more` : first;
  }

  function subtitleOfBox(box) {
    if (HEATS[colour]) {
      const figure = HEATS[colour].of(box);
      if (figure !== null) return HEATS[colour].short(figure);
    }
    if (box.kind === "module") return modules[box.id].className || counted(nodesOfBox(box), "node");
    if (box.kind === "group") return counted(nodesOfBox(box), "node");
    const stored = readsOf(box.id).filter(isStored).map((value) => shortType(typeOfValue(value))).filter((type) => type && !type.endsWith("[]"));
    return stored.length ? `with ${stored.join(", ")}` : "";
  }

  function functionOf(box) {
    return box.kind === "module" && columns.functions[box.id].length ? columns.functions[box.id][0] : -1;
  }

  function drawBox(box, at, place, size, most) {
    const subtitle = isPort(box) ? "" : subtitleOfBox(box);
    const found = make("div", { class: `box ${box.kind}`, role: "button", tabindex: "-1", "aria-pressed": "false", title: hoverOf(box),
      onclick: () => chooseBox(at, true), ondblclick: () => descend(box) },
      make("span", { class: "box-name" }, titleOfBox(box)),
      subtitle ? make("span", { class: "box-class" }, functionOf(box) >= 0 ? make("span", { class: "function-mark" }, "ƒ ") : null, subtitle) : null);
    found.style.setProperty("left", `${place.x - size.width / 2}px`);
    found.style.setProperty("top", `${place.y - size.height / 2}px`);
    if (functionOf(box) >= 0) found.classList.add("function");
    if (differenceOf(box.kind === "module" ? box.id : HOMELESS) === "first") found.classList.add("first-difference");
    paintBox(found, box, colour, most);
    return found;
  }

  function hoverOf(box) {
    if (box.kind === "module") return describe(box.id, facts.measures.includes(state.measure) ? state.measure : "nodes");
    if (box.kind === "node") return nameOfNode(box.id);
    if (isPort(box)) return box.values.slice(0, 12).map((value) => `${nameOfValue(value)}: ${typeOfValue(value) || "type unknown"}`).join("\n");
    return `${titleOfBox(box)}, ${counted(nodesOfBox(box), "node")}`;
  }

  // Labels a box with the type of what it hands on; the label lies where its edges begin.
  function drawLabel(box, place, size) {
    const types = [...new Set([...box.written].map((value) => typeOfValue(value)))];
    if (!types.length || box.kind === "output" || (types.length === 1 && !types[0])) return null;
    const text = types.length === 1 ? shortType(types[0]) : `${whole(types.length)} types`;
    const label = make("span", { class: "edge-label", title: types.map((type) => type || "type unknown").join("\n") }, text);
    label.style.setProperty("left", `${place.x}px`);
    label.style.setProperty("top", `${place.y + size.height / 2 + 5}px`);
    label.style.setProperty("max-width", `${size.width}px`);
    return label;
  }

  // Draws all edges as one path, in which a shared segment occurs once.
  function drawEdges(layout) {
    const lines = new Set();
    const turned = new Set();
    for (const course of layout.courses) for (const segment of segmentsOf(course.steps)) (course.turned ? turned : lines).add(segment);
    return makeSvg("svg", { class: "edges", width: layout.width, height: layout.height, "aria-hidden": "true" },
      makeSvg("path", { class: "line", d: [...lines].join("") }),
      makeSvg("path", { class: "line turned", d: [...turned].join("") }),
      makeSvg("path", { class: "arrow", d: [...new Set(layout.courses.map(arrowOf))].join("") }));
  }

  function lightEdges(at) {
    stage.querySelector(".edges .lit")?.remove();
    const lit = drawn.layout.courses.filter((_, edge) => drawn.edges[edge].includes(at));
    if (!lit.length) return;
    const lines = new Set(lit.flatMap((course) => segmentsOf(course.steps)));
    stage.querySelector(".edges").append(makeSvg("g", { class: "lit" },
      makeSvg("path", { class: "line", d: [...lines].join("") }),
      makeSvg("path", { class: "arrow", d: lit.map(arrowOf).join("") })));
  }

  function arrowOf({ steps, turned }) {
    const end = turned ? steps[0] : steps[steps.length - 1];
    const [y, back] = turned ? [end.bottom, 6] : [end.top, -6];
    return `M${end.x - 3.5} ${y + back}L${end.x} ${y}L${end.x + 3.5} ${y + back}Z`;
  }

  // Returns the segments of an edge: one from layer to layer, and one through each layer.
  function segmentsOf(steps) {
    const found = [`M${steps[0].x} ${steps[0].bottom}V${steps[0].layer[1]}`];
    for (let at = 1; at < steps.length; at += 1) {
      const [from, to] = [steps[at - 1], steps[at]];
      const [begin, end] = [from.layer[1], to.layer[0]];
      const bow = (end - begin) / 2;
      found.push(`M${from.x} ${begin}${from.x === to.x ? `V${end}` : `C${from.x} ${begin + bow} ${to.x} ${end - bow} ${to.x} ${end}`}`);
      found.push(`M${to.x} ${end}V${at === steps.length - 1 ? to.top : to.layer[1]}`);
    }
    return found;
  }

  const neighbours = (at) => ({
    from: drawn.edges.filter(([, to]) => to === at).map(([from]) => from),
    to: drawn.edges.filter(([from]) => from === at).map(([, to]) => to),
  });

  function spoken(at) {
    const { from, to } = neighbours(at);
    const box = drawn.boxes[at];
    const names = (list) => list.slice(0, 4).map((each) => titleOfBox(drawn.boxes[each])).join(", ") + (list.length > 4 ? ` and ${whole(list.length - 4)} more` : "");
    const types = [...box.written].slice(0, 1).map(typeOfValue).filter(Boolean).join("");
    return [titleOfBox(box), isPort(box) ? box.kind : subtitleOfBox(box), types && `hands on ${types}`, from.length && `reads ${names(from)}`, to.length && `read by ${names(to)}`].filter(Boolean).join(", ");
  }

  function chooseBox(at, tell) {
    chosen = at;
    const box = drawn.boxes[at];
    const near = at < 0 ? null : neighbours(at);
    const alike = box && functionOf(box) >= 0 ? functionOf(box) : -1;
    drawn.elements.forEach((each, other) => {
      each.setAttribute("aria-pressed", String(other === at));
      each.setAttribute("tabindex", other === Math.max(at, 0) ? "0" : "-1");
      each.classList.toggle("near", Boolean(near) && (near.from.includes(other) || near.to.includes(other)));
      each.classList.toggle("alike", alike >= 0 && other !== at && functionOf(drawn.boxes[other]) === alike);
    });
    lightEdges(at);
    if (at < 0) return;
    show(at);
    if (!tell) return;
    focusBox(at);
    if (box.kind === "module") actions.select(box.id, "graph");
    else actions.showParts(graphDetail(box, titleOfBox(box)), titleOfBox(box));
  }

  function focusBox(at) {
    drawn.elements[at]?.focus({ preventScroll: true });
  }

  // Scrolls the pane, and not the page, so that a box is in view.
  function show(at) {
    const { x, y } = drawn.layout.boxes[at];
    const [left, top] = [x * scale + MARGIN, y * scale + MARGIN];
    if (left < view.scrollLeft + 60 || left > view.scrollLeft + view.clientWidth - 60) view.scrollLeft = left - view.clientWidth / 2;
    if (top < view.scrollTop + 40 || top > view.scrollTop + view.clientHeight - 40) view.scrollTop = top - view.clientHeight / 2;
  }

  function zoom(wanted) {
    if (!drawn) return;
    scale = Math.min(Math.max(wanted, 0.15), 2);
    stage.style.setProperty("transform", `scale(${scale})`);
    const { width, height } = drawn.layout;
    sizer.style.setProperty("width", `${width * scale + 2 * MARGIN}px`);
    sizer.style.setProperty("height", `${height * scale + 2 * MARGIN + 20}px`);
  }

  function fit() {
    if (!drawn) return;
    const room = (view.clientWidth || 800) - 2 * MARGIN;
    zoom(Math.min(1, Math.max(room / Math.max(drawn.layout.width, 1), SMALLEST)));
    const widest = drawn.layout.width * scale + 2 * MARGIN;
    view.scrollLeft = Math.max(0, (widest - view.clientWidth) / 2);
    view.scrollTop = 0;
    if (chosen >= 0) show(chosen);
  }

  // Moves along the dataflow with up and down, within a layer with left and right.
  function onKey(event) {
    if (!drawn?.boxes.length || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = Math.max(chosen, 0);
    const here = drawn.layout.boxes[at];
    const nearest = (list) => [...list].sort((one, other) => Math.abs(drawn.layout.boxes[one].x - here.x) - Math.abs(drawn.layout.boxes[other].x - here.x))[0];
    const beside = (side) => drawn.boxes.map((_, each) => each).filter((each) => drawn.layout.boxes[each].layer === here.layer && (drawn.layout.boxes[each].x - here.x) * side > 0);
    const steps = {
      ArrowUp: () => nearest(neighbours(at).from),
      ArrowDown: () => nearest(neighbours(at).to),
      ArrowLeft: () => nearest(beside(-1)),
      ArrowRight: () => nearest(beside(1)),
    };
    if (steps[event.key]) {
      const next = chosen < 0 ? at : steps[event.key]();
      if (next !== undefined) chooseBox(next, true);
    } else if (event.key === "Enter") descend(drawn.boxes[at]);
    else if (event.key === " ") chooseBox(at, true);
    else if (event.key === "Escape" || event.key === "Backspace") ascend();
    else return;
    event.preventDefault();
  }

  new ResizeObserver(() => {
    if (view.clientWidth === draw.width) return;
    draw.width = view.clientWidth;
    fit();
  }).observe(view);
  addEventListener("beforeprint", () => zoom(Math.min(1, 660 / Math.max(drawn?.layout.width || 1, 1))));
  addEventListener("afterprint", fit);
  return { land, enter, follow };
}
