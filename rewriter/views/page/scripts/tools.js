// Tools of the table: the least share, and the modules as a command, as CSV and as JSON.

const SHARES = [[0, "All sizes"], [0.01, "From 1%"], [0.05, "From 5%"], [0.1, "From 10%"]];

function makeTableTools(state, table, say) {
  const least = make("select", { class: "quiet", "aria-label": "Least share of the size", title: "Leave out modules with a smaller share of the size",
    onchange: () => { state.least = Number(least.value); table.draw(); } }, SHARES.map(([share, title]) => make("option", { value: share }, title)));
  const tool = (title, told, onclick) => make("button", { type: "button", class: "quiet", title: told, onclick }, title);
  const chosen = () => modules.map(({ id }) => id).filter((id) => id !== HOMELESS && (!state.matches || state.matches.has(id)));
  return make("span", { class: "tools" },
    facts.measures.length ? least : null,
    tool("Copy select", "Copy the command that selects the found modules, or without a search the selected one", () => copy(selectCommand(state), say)),
    tool("CSV", "Save the found modules, or all, as CSV", () => save(csvOf(chosen().map(recordOf)), "csv", "text/csv")),
    tool("JSON", "Save the found modules, or all, as JSON", () => save(JSON.stringify(chosen().map(recordOf), null, 1), "json", "application/json")));
}

function recordOf(id) {
  const { className } = modules[id];
  return {
    path: fullPathOf(id),
    class: textOf(columns.full[id]) || className || "",
    calls: columns.calls[id],
    nodes: totals.nodes[id],
    parameters: columns.held[id],
    parameter_bytes: columns.bytes[id],
    known_flops: totals.flops[id],
    nodes_of_unknown_flops: totals.unknown[id],
    ...(totals.time ? { time_us: totals.time[id] } : {}),
    ...Object.fromEntries(EVIDENCE.map((kind) => [`${kind}_nodes`, evidence[kind][id]])),
    ...(diff ? { difference: differenceOf(id), error: finite(errorOf({ kind: "module", id })) } : {}),
  };
}

const finite = (error) => (error === Infinity ? "infinite" : error);
const fullPathOf = (id) => lineage(id).slice(1).map((each) => modules[each].name).join(".");

// Quotes every field; a text that a spreadsheet would take for a formula gets an apostrophe.
function csvOf(records) {
  const field = (value) => `"${(typeof value === "string" ? value.replace(/^(?=[=+\-@\t\r])/, "'") : String(value ?? "")).replaceAll('"', '""')}"`;
  const keys = Object.keys(records[0] || {});
  return [keys, ...records.map((record) => keys.map((key) => record[key]))].map((row) => row.map(field).join(",")).join("\r\n") + "\r\n";
}

const MOST_PATTERNS = 200;

// Returns the command that selects the found modules, or without a search the selected one; null if a path
// cannot be written, because the page shows it shortened or escaped.
function selectCommand(state) {
  const ids = state.matches ? [...state.matches] : [Math.max(state.selected, 0)];
  const paths = ids.filter((id) => id !== HOMELESS).map(fullPathOf);
  if (!paths.length || paths.length > MOST_PATTERNS || [facts.head.file, ...paths].some((path) => /[\\…\n]/.test(path))) return null;
  const quoted = (text) => (/^[\w.\/:*-]+$/.test(text) && !/[*]/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
  const patterns = paths.filter(Boolean).map((path) => quoted(path.replace(/[*?[]/g, "[$&]")));
  const file = facts.head.file.startsWith("-") ? `./${facts.head.file}` : facts.head.file;
  return ["rewriter select", quoted(file), ...(paths.includes("") ? [] : patterns)].join(" ");
}

async function copy(command, say) {
  if (!command) return say(`no command: no module, more than ${MOST_PATTERNS}, or names that the page shows escaped`);
  try {
    await navigator.clipboard.writeText(command);
    return say("command copied");
  } catch {
    return say(command); // the browser forbids the clipboard; the text can be selected
  }
}

function save(text, ending, type) {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type })), download: `${facts.head.file.replace(/\.onnx$/, "")}.modules.${ending}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
