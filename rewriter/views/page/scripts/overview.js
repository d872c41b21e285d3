// The head of the page: the file, its figures, and its verification.

function drawOverview(actions) {
  const { head } = facts;
  const tile = (title, value, note, full) => make("div", { class: "tile", title: full || null }, make("dt", {}, title), make("dd", {}, value), make("dd", { class: "note" }, note || "\u00a0"));
  const lacking = head.unknown ? `${counted(head.unknown, "node")} unknown` : "";
  const unknown = !head.flops ? lacking : lacking ? `at least; ${lacking}` : "of one run";
  const placed = facts.placement.placed;
  document.getElementById("head").append(
    ...[
      make("h1", { title: head.file }, head.file),
      make("p", { class: "phrases" }, head.phrases.join(" · ")),
      banner(),
      diffBanner(actions),
      make("dl", { class: "tiles" },
        tile("Modules", whole(head.modules)),
        tile("Nodes", whole(head.nodes), head.nodes ? `${percent(placed, head.nodes)} placed` : "", head.coverage.join(" · ")),
        tile("Parameters", head.parameters ? brief(head.parameters) : "none", head.parameters ? bytes(head.bytes) : "", `${whole(head.parameters)} parameters`),
        tile("FLOPs", head.flops ? brief(head.flops, ["", "k", "M", "G", "T"]) : head.unknown ? "unknown" : "none", unknown, [`${whole(head.flops)} FLOPs`, ...head.reasons.map(([reason, count]) => `${whole(count)}: ${reason}`)].join("\n")),
        profile ? tile("Time", time(profile.total), `${percent(profile.mapped, 1)} mapped · ${counted(profile.runs, "run")}`, `median of all kernels; wall time ${time(profile.span)}`) : null,
        facts.functions.length ? tile("Functions", whole(facts.functions.length), "replace modules") : null),
      ...[head.coverage.join(" · "), ...head.notes, head.fault, head.help].filter(Boolean).map((note) => make("p", { class: "note" }, note)),
    ].filter(Boolean));
}

// States the verification that was made for this page; claims nothing without one.
function banner() {
  const { verified } = facts;
  if (!verified) {
    return make("p", { class: "banner unchecked" }, make("span", { class: "sign", "aria-hidden": "true" }, "○"), "Not compared with an original. ", make("code", {}, "--verify ORIGINAL"), " does.");
  }
  const { verdict, original, phrases } = verified;
  const [style, sign, words] = {
    equal: ["holds", "✓", "Equal to "],
    different: ["fails", "✗", "Different from "],
  }[verdict] ?? ["differs", "?", "Not proved equal to "];
  return make("div", { class: `banner ${style}`, role: "status" },
    make("span", { class: "sign", "aria-hidden": "true" }, sign),
    make("strong", {}, words, original),
    make("span", { class: "phrases" }, phrases.join(" · ")));
}

function diffBanner(actions) {
  if (!diff) return null;
  const told = [];
  if (diff.skipped) told.push(`numbers not compared: ${diff.skipped}`);
  else if (diff.first) {
    const { module, relative, value, own } = diff.first;
    told.push(own ? "The numbers first differ in " : "The numbers already differ before ",
      make("button", { type: "button", class: "link", onclick: () => actions.select(module, "overview") }, pathOf(module)),
      ` (${value}, ${relative === null ? "infinite difference" : `off by ${relative.toPrecision(3)} of its largest value`})`);
  } else told.push(diff.equal ? `all numbers within ${diff.tolerance} in ${counted(diff.runs, "run")}` : "no module diverges, but not all results could be compared");
  const changed = Object.values(diff.modules).filter((each) => each.changes || each.gone).length;
  const added = diff.added_count ? make("details", {}, make("summary", {}, `${counted(diff.added_count, "module")} only in ${diff.other}`), make("ul", { class: "plain mono" }, diff.added.map((each) => make("li", {}, each)))) : null;
  // Green only if numbers were compared and agree; no colour if no module differs but no numbers were taken.
  const verdict = !diff.equal ? "differs" : diff.skipped ? "" : "holds";
  return make("div", { class: `banner ${verdict}` },
    make("span", { class: "sign", "aria-hidden": "true" }, diff.equal ? "=" : "≠"),
    make("strong", {}, `Against ${diff.other}: ${changed ? `${counted(changed, "module")} changed` : "no module changed"}`),
    make("span", { class: "phrases" }, told), added);
}
