// The icicle: a cell per module, as wide as its share, with its submodules below it in tree order.

const ROW = 26;
const NARROWEST = 3; // minimum width of a cell in pixels; narrower neighbours share a cell
const MOST_CELLS = 4000;

function makeIcicle(state, actions) {
  const canvas = make("div", { class: "canvas", role: "tree", "aria-label": "Icicle of the modules", onkeydown: onKey });
  let cells = new Map();

  // Computes the places of cells: ancestors of the zoomed module get full rows, its subtree is below.
  function layout(width) {
    const sizes = totals[state.measure];
    const above = lineage(state.zoom);
    const found = above.map((id, row) => ({ id, row, left: 0, width }));
    const queue = [found[found.length - 1]];
    for (let at = 0; at < queue.length && found.length < MOST_CELLS; at += 1) {
      const cell = queue[at];
      let left = cell.left;
      let small = null;
      const { children } = modules[cell.id];
      // Medians of submodules may add up to more than the median of the module.
      const inside = Math.max(sizes[cell.id], children.reduce((sum, child) => sum + sizes[child], 0));
      for (const child of children) {
        const wide = inside ? (sizes[child] / inside) * cell.width : 0;
        if (wide >= NARROWEST) {
          const placed = { id: child, row: cell.row + 1, left, width: wide };
          found.push(placed);
          queue.push(placed);
          small = null;
        } else if (wide > 0) {
          if (!small) found.push((small = { id: child, row: cell.row + 1, left, width: 0, many: 0 }));
          small.many += 1;
          small.width += wide;
        }
        left += wide;
      }
    }
    return found;
  }

  function draw() {
    const width = canvas.clientWidth;
    const sizes = totals[state.measure];
    cells = new Map();
    const held = canvas.contains(document.activeElement);
    const drawn = layout(width).map((cell) => {
      if (cell.many && cell.width < 1) return null;
      const element = cell.many ? drawRest(cell) : drawCell(cell, sizes);
      // Percentages instead of pixels, so that the icicle also fits on paper.
      element.style.setProperty("left", `${(100 * cell.left) / width}%`);
      element.style.setProperty("top", `${cell.row * ROW}px`);
      element.style.setProperty("width", `max(1px, ${(100 * cell.width) / width}% - 1px)`);
      return element;
    });
    canvas.replaceChildren(...drawn.filter(Boolean));
    const rows = Math.max(...[...cells.values()].map((each) => Number(each.dataset.row)), 0) + 1;
    canvas.style.setProperty("height", `${rows * ROW}px`);
    refresh();
    if (held) focus(state.selected);
  }

  function drawCell(cell, sizes) {
    const module = modules[cell.id];
    const element = make("div", {
      class: `cell ${cell.row < modules[state.zoom].depth ? "above" : ""}`,
      role: "treeitem",
      "aria-level": String(module.depth + 1),
      "aria-label": describe(cell.id, state.measure).replaceAll("\n", ", "),
      title: describe(cell.id, state.measure),
      tabindex: "-1",
      onclick: () => actions.select(cell.id, "icicle"),
      ondblclick: () => actions.zoom(cell.id),
    });
    element.dataset.row = cell.row;
    paint(element, cell.id);
    if (cell.width > 26) {
      element.append(make("span", { class: "cell-name" }, labelOf(cell.id)));
      if (cell.width > 130) element.append(make("span", { class: "cell-figure" }, MEASURES[state.measure].short(sizes[cell.id])));
    }
    cells.set(cell.id, element);
    return element;
  }

  function drawRest(cell) {
    return make("div", { class: "cell rest", title: `${counted(cell.many, "module")} too narrow to draw`, "aria-hidden": "true" });
  }

  function paint(element, id) {
    if (state.colour === "class") {
      const rank = colourOfClass.get(modules[id].className);
      element.classList.add(rank === undefined ? "other-class" : `class-${rank}`);
    } else if (state.colour === "difference") {
      element.classList.add(`diff-${differenceOf(id) || "none"}`);
    } else {
      const parts = EVIDENCE.map((kind) => [kind, evidence[kind][id]]);
      const all = parts.reduce((sum, [, count]) => sum + count, 0);
      if (all) element.prepend(makeBar("paint", parts, all));
    }
  }

  // Marks selection and matches of the search, without drawing the cells again.
  function refresh() {
    const focusable = cells.get(state.selected) || cells.get(state.zoom);
    for (const [id, element] of cells) {
      element.setAttribute("aria-selected", String(id === state.selected));
      element.classList.toggle("faded", Boolean(state.matches) && !state.matches.has(id));
      element.setAttribute("tabindex", element === focusable ? "0" : "-1");
    }
  }

  function focus(id) {
    const element = cells.get(id);
    if (element) element.focus({ preventScroll: false });
    return Boolean(element);
  }

  // Moves up to the parent, down to the first drawn child, sideways within a row, or to the root; or zooms.
  function onKey(event) {
    const id = state.selected;
    const beside = (step) => {
      const row = [...cells].filter(([, each]) => each.dataset.row === cells.get(id)?.dataset.row).map(([each]) => each);
      return row[row.indexOf(id) + step];
    };
    const wanted = {
      ArrowUp: () => modules[id].parent,
      ArrowDown: () => modules[id].children.find((child) => cells.has(child)),
      ArrowLeft: () => beside(-1),
      ArrowRight: () => beside(1),
      Home: () => 0,
    }[event.key];
    if (wanted) {
      event.preventDefault();
      const next = wanted();
      if (next >= 0 && cells.has(next)) {
        actions.select(next, "icicle");
        focus(next);
      }
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      actions.zoom(id);
    } else if (event.key === "Escape" || event.key === "Backspace") {
      event.preventDefault();
      actions.zoom(Math.max(modules[state.zoom].parent, 0));
    }
  }

  new ResizeObserver(() => {
    if (canvas.clientWidth !== draw.width) {
      draw.width = canvas.clientWidth;
      draw();
    }
  }).observe(canvas);
  return { element: make("div", { class: "scroll" }, canvas), draw, refresh };
}

function makeLegend(colour) {
  const entry = (kind, title) => make("li", {}, make("span", { class: `key ${kind}`, "aria-hidden": "true" }), title);
  if (colour === "class") {
    return make("ul", { class: "legend" }, [...colourOfClass].map(([name, rank]) => entry(`class-${rank}`, name)), entry("other-class", "other or unknown"));
  }
  if (colour === "difference") {
    return make("ul", { class: "legend" }, Object.entries(DIFFERENCES).map(([kind, title]) => entry(`diff-${kind}`, title)));
  }
  const titles = {
    named: "named by evidence",
    inferred: "inferred",
    guessed: "guessed",
    conflict: "witnesses disagree",
    unplaced: "unplaced",
  };
  return make("ul", { class: "legend" }, EVIDENCE.filter((kind) => evidence[kind][0]).map((kind) =>
    entry(`key-${kind}`, `${titles[kind]}: ${counted(evidence[kind][0], "node")}`)));
}
