from __future__ import annotations

from docs import doctor_table
from rewriter.insight.tools.examine import RULES


def test_the_page_has_the_rules_as_they_are() -> None:
    page = doctor_table.PAGE.read_text("utf-8")
    assert page == doctor_table.refreshed(page), "python -m docs.doctor_table writes it anew"
    assert page.count("\n| ") > len(RULES)
