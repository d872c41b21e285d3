"""The page: one HTML file that fetches nothing, and in which text from a model cannot run.

Data from the file occurs twice: escaped in the title, and as JSON in a script element that browsers
treat as data, with every character escaped that could end it. The script inserts text only as
text, and the security policy allows no other script.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib import resources

from rewriter.views.escape import html_text
from rewriter.views.page.facts import page_facts
from rewriter.views.page.findings import Findings
from rewriter.views.summary import head_phrases, summarize

_SCRIPTS = ("facts.js", "format.js", "icicle.js", "table.js", "detail.js", "overview.js", "main.js")
"""Scripts in order of dependence: each uses only earlier ones."""

_LONGEST_TITLE = 400
_ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def page_html(findings: Findings, by: str) -> str:
    """The page.

    Args:
        findings: the results to show.
        by: the size shown first: one of `findings.measures`.
    """
    style, script = _part("style.css"), _script()
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


def as_data(facts: object) -> str:
    """JSON for a script element: nothing in it can end the element or begin another."""
    return json.dumps(facts, allow_nan=False, separators=(",", ":")).translate(_ESCAPES)


def _script() -> str:
    return '(() => {\n"use strict";\n' + "".join(_part(f"scripts/{name}") for name in _SCRIPTS) + "})();\n"


def _part(name: str) -> str:
    return resources.files("rewriter.views.page").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    """Source of an inline element in the content security policy: its SHA-256."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
