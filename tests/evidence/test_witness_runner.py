from __future__ import annotations

from rewriter.evidence.claims import Testimony
from rewriter.evidence.witness_runner import Hearing
from rewriter.model.index.graph import GraphIndex
from rewriter.paths import ModulePath
from tests.build import chain


def test_the_first_witness_names_the_folded_norm() -> None:
    hearing = Hearing(GraphIndex(chain("a", "b")))
    for norm in ("bn1", "bn2", "bn2..x"):
        hearing.hear(norm, lambda norm=norm: Testimony(norms={0: ModulePath(norm)}))  # type: ignore[misc]
    hearing.hear("relative", lambda: Testimony(norms={1: ModulePath("a..bn")}))
    assert hearing.norms() == {0: "bn1"}
