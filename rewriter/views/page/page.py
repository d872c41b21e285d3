"""Writes the page: one HTML file that fetches nothing, and in which text of a model cannot run as code.

Text of the model is escaped in the title and in the message for browsers without scripts. Elsewhere it is
JSON in a script element that browsers treat as data; characters that could end the element are escaped. The
script of the page inserts it only as text nodes and values of attributes such as `title`, and the content
security policy forbids other scripts.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib import resources
from pathlib import Path

from rewriter.views.escape import html_text
from rewriter.views.page.facts import page_facts
from rewriter.views.page.findings import Findings
from rewriter.views.summary import head_phrases, summarize

_GRAPH = tuple(
    f"graph/{name}" for name in ("flow.js", "layers.js", "places.js", "colours.js", "parts.js", "pane.js")
)
_SCRIPTS = (
    *("facts.js", "format.js", "icicle.js", "table.js", "tools.js", "detail.js", "overview.js"),
    *_GRAPH,
    "main.js",
)
"""Scripts in order of dependence: a script uses only earlier ones."""

_LONGEST_TITLE = 400
_HEAD = 4096
"""Number of bytes in which a page names its generator."""
_GENERATOR = b'<meta name="generator" content="onnx-module-rewriter report">'
_ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def page_html(findings: Findings, by: str) -> str:
    """Return the page.

    Args:
        findings: the results to show.
        by: the figure that sizes show at first: one of `findings.measures`, or '' if there is none.
    """
    style, script = _part("style.css") + _part("graph.css"), _script()
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; "
        f"style-src {_hash(style)}; script-src {_hash(script)}"
    )
    head = " · ".join(head_phrases(summarize(findings.analysis)))
    parts = {
        "POLICY": policy,
        "TITLE": html_text(head, _LONGEST_TITLE),
        "STYLE": style,
        "FACTS": as_data(page_facts(findings, by)),
        "SCRIPT": script,
    }
    template = _part("template.html")
    pieces = template.split("@@")  # text, name, text, name, ..., text
    return "".join(parts[piece] if number % 2 else piece for number, piece in enumerate(pieces))


def is_page(path: Path) -> bool:
    """Whether a file is a page of this module: its head names the generator, before any text of a model."""
    try:
        with path.open("rb") as file:
            beginning = file.read(_HEAD)
    except OSError:
        return False
    return beginning.startswith(b"<!DOCTYPE html>") and _GENERATOR in beginning.partition(b"<title>")[0]


def as_data(facts: object) -> str:
    """Return JSON for a script element, escaped so that it cannot end the element or begin another."""
    return json.dumps(facts, allow_nan=False, separators=(",", ":")).translate(_ESCAPES)


def _script() -> str:
    return '(() => {\n"use strict";\n' + "".join(_part(f"scripts/{name}") for name in _SCRIPTS) + "})();\n"


def _part(name: str) -> str:
    return resources.files("rewriter.views.page").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    """Return the source of an inline element for the content security policy: its SHA-256."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
