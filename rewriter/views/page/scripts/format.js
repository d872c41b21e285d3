// Formats figures for people, and makes elements from text.

const whole = (count) => Math.round(count).toLocaleString("en-US");

// Formats a count in at most four characters and a unit, up to 9999 of the last unit: 987, 1.2k, 345M, 7.1B.
function brief(count, units = ["", "k", "M", "B", "T"]) {
  let scaled = count;
  for (let at = 0; ; at += 1) {
    if (scaled < 999.5 || at === units.length - 1) return (at && scaled < 99.95 ? scaled.toFixed(1) : scaled.toFixed(0)) + units[at];
    scaled /= 1000;
  }
}

const bytes = (count) => brief(count, [" B", " kB", " MB", " GB", " TB"]);

function time(micro) {
  if (micro <= 0) return "0 µs";
  if (micro < 999.5) return `${micro.toPrecision(micro < 1 ? 2 : 3)} µs`;
  if (micro < 999500) return `${(micro / 1000).toPrecision(3)} ms`;
  return `${(micro / 1e6).toPrecision(3)} s`;
}

function percent(part, all) {
  if (!all) return "";
  const share = (100 * part) / all;
  // A positive part never becomes 0%, and a part below the whole never becomes 100%.
  if (share > 0 && share < 1) return "<1%";
  return share > 99 && part < all ? ">99%" : `${share.toFixed(0)}%`;
}

const counted = (count, noun) => `${whole(count)} ${noun}${count === 1 ? "" : "s"}`;

// Figures that sizes can show: title, noun, and functions that format a figure short or in full.
const MEASURES = {
  parameters: { title: "Parameters", noun: "parameters", short: brief, full: (n) => counted(n, "parameter") },
  nodes: { title: "Nodes", noun: "nodes", short: brief, full: (n) => counted(n, "node") },
  flops: { title: "FLOPs", noun: "FLOPs", short: (n) => brief(n, ["", "k", "M", "G", "T"]), full: (n) => `${whole(n)} FLOPs` },
  time: { title: "Time", noun: "time", short: time, full: (n) => `${time(n)} a run` },
};

// Makes an element. Texts become text nodes, `on…` attributes become listeners; nothing is parsed as HTML.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// Makes radio buttons that look like a switch. `choices`: [value, title, reason why it is disabled or ""].
function makeSwitch(name, label, choices, chosen, onchange) {
  const buttons = choices.map(([value, title, lacking]) =>
    make("label", { class: "choice", title: lacking || null },
      make("input", { type: "radio", name, value, checked: value === chosen, disabled: Boolean(lacking), onchange: () => onchange(value) }),
      make("span", {}, title)));
  return make("fieldset", { class: "switch" }, make("legend", {}, label), make("div", { class: "choices" }, buttons));
}

// Makes a bar of several parts; the script sets widths, since the policy forbids style attributes.
function makeBar(kind, parts, all) {
  const bar = make("span", { class: `bar ${kind}`, "aria-hidden": "true" });
  for (const [name, part] of parts) {
    if (!part) continue;
    const piece = make("span", { class: `piece ${name}` });
    piece.style.setProperty("width", `${Math.min(100, (100 * part) / all)}%`);
    bar.append(piece);
  }
  return bar;
}

// Returns a name, with the first match of a searched word marked.
function marked(name, words) {
  const lower = name.toLowerCase();
  const hit = words.map((word) => [lower.indexOf(word), word.length]).filter(([at]) => at >= 0).sort((a, b) => a[0] - b[0])[0];
  if (!hit || lower.length !== name.length) return [name];
  const [at, length] = hit;
  return [name.slice(0, at), make("mark", {}, name.slice(at, at + length)), name.slice(at + length)];
}

function describe(id, measure) {
  const { className } = modules[id];
  const total = totals[measure][id];
  const share = percent(total, totals[measure][0]);
  return [pathOf(id), className, `${MEASURES[measure].full(total)}${share ? `, ${share}` : ""}`].filter(Boolean).join("\n");
}
