from __future__ import annotations

from rewriter.evidence.claims import Source
from rewriter.evidence.metadata import dynamo as exporter
from rewriter.evidence.metadata import tags
from rewriter.evidence.settle import settle
from rewriter.model.index.graph import GraphIndex
from tests.build import chain, model


def test_the_order_of_trust() -> None:
    own = {tags.MODULE: "own"}
    dynamo = {exporter.NAME_SCOPES: "['', 'dynamo', 'op']"}
    other = {"winml.hierarchy.tag": "/Root/other"}
    settled = settle(
        GraphIndex(
            chain(
                "/a/Relu", "/b/Relu", "/c/Relu", "d", "e",
                **{"/a/Relu": own | dynamo | other, "/b/Relu": dynamo | other, "/c/Relu": other, "d": other},
            )
        )
    )  # fmt: skip
    sources = [[claim.source for claim in claims] for claims in settled.claims]
    assert sources == [
        [Source.OWN_TAG, Source.EXPORTER, Source.SCOPE_NAME, Source.OTHER_TAG],
        [Source.EXPORTER, Source.SCOPE_NAME, Source.OTHER_TAG],
        [Source.SCOPE_NAME, Source.OTHER_TAG],
        [Source.OTHER_TAG],
        [],
    ]
    assert settled.conflicting(0) == ("dynamo", "a", "other")
    assert settled.conflicting(3) == ()


def test_a_parameter_above_or_below_is_no_conflict() -> None:
    settled = settle(
        GraphIndex(
            model(
                """g (float[2] x) => (float[2] y)
                <float[2] "mha.out.weight" = {1,2}, float[2] "mha.bias" = {1,2}, float[2] "fc.weight" = {1,2}>
                {
                  ["/mha/Mul"] a = Mul(x, "mha.out.weight")
                  ["/mha/inner/Mul"] b = Mul(a, "mha.bias")
                  ["/mha/Add"] y = Add(b, "fc.weight")
                }"""
            )
        )
    )
    assert [settled.conflicting(node) for node in range(3)] == [(), (), ("fc",)]


def test_the_class_of_the_first_witness_counts() -> None:
    own = {tags.MODULE: "x", tags.CLASS: "pkg.Own"}
    dynamo = {
        exporter.NAME_SCOPES: "['', 'x', 'op']",
        exporter.CLASS_HIERARCHY: "['pkg.M', 'pkg.Other', 'op']",
    }
    settled = settle(GraphIndex(chain("a", a=own | dynamo)))
    assert settled.classes == {"x": "pkg.Own", "": "pkg.M"}
