from __future__ import annotations

import pytest
from onnx import helper

from rewriter.evidence.certainty import Certainty
from rewriter.evidence.claims import Source
from rewriter.evidence.metadata import tags
from rewriter.model.index.graph import GraphIndex
from tests.build import chain


def test_own_tags_repeat_what_was_settled() -> None:
    entries = {tags.MODULE: "enc.0", tags.CLASS: "pkg.C", tags.CALL: "2", tags.EVIDENCE: "dataflow"}
    found = tags.testify_own(GraphIndex(chain("a", "b", b=entries)))
    (claim,) = found.claims
    assert claim[:5] == (1, "enc.0", "pkg.C", Source.DATAFLOW, 2)
    assert found.classes == {"enc.0": "pkg.C"}


def test_own_tags_of_a_later_version() -> None:
    entries = {tags.MODULE: "", tags.CALL: "many", tags.EVIDENCE: "clairvoyance"}
    (claim,) = tags.testify_own(GraphIndex(chain("a", a=entries))).claims
    assert (claim.module, claim.source, claim.call) == ("", Source.OWN_TAG, None)


def test_the_compact_tree_gives_classes_where_nodes_lost_theirs() -> None:
    proto = chain("a")
    proto.metadata_props.add(
        key=tags.TREE, value='{"version":1,"modules":[["","M",1],["x","X",0],["y",null,1]]}'
    )
    assert tags.testify_own(GraphIndex(proto)).classes == {"": "M", "x": "X"}


@pytest.mark.parametrize(
    ("tag", "module"),
    [
        ("/BertModel/BertEncoder/BertLayer.0", "BertEncoder.BertLayer.0"),
        ("/BertModel", ""),
        ("BertModel/a/", "a"),
    ],
)
def test_tags_of_others(tag: str, module: str) -> None:
    proto = chain("a", "b", a={"winml.hierarchy.tag": tag})
    proto.graph.node[1].attribute.append(helper.make_attribute("hierarchy_tag", tag))
    found = tags.testify_others(GraphIndex(proto)).claims
    assert [(c.node, c.module, c.source, c.detail) for c in found] == [
        (0, module, Source.OTHER_TAG, tag),
        (1, module, Source.OTHER_TAG, tag),
    ]


def test_a_guess_of_an_earlier_run_stays_a_guess() -> None:
    entries = {tags.MODULE: "enc", tags.EVIDENCE: "scope_name", tags.CERTAINTY: "guessed"}
    (claim,) = tags.testify_own(GraphIndex(chain("a", a=entries))).claims
    assert (claim.source, claim.certainty) == (Source.SCOPE_NAME, Certainty.GUESSED)


@pytest.mark.parametrize(("evidence", "certainty"), [("scope_name", "named"), ("dataflow", "guessed")])
def test_tags_without_a_certainty_have_that_of_their_evidence(evidence: str, certainty: str) -> None:
    entries = {tags.MODULE: "enc", tags.EVIDENCE: evidence}
    (claim,) = tags.testify_own(GraphIndex(chain("a", a=entries))).claims
    assert claim.certainty == certainty


@pytest.mark.parametrize(
    ("record", "certainty"),
    [
        ('{"version":2,"values":[["enc",["v1"]]]}', "named"),
        ('{"version":2,"values":[],"inferred":[["enc",["v1"]]]}', "inferred"),
        ('{"version":2,"values":[],"guessed":[["enc",["v1"]]]}', "guessed"),
        ('{"version":1,"values":[["enc",["v1"]]]}', "inferred"),
    ],
)
def test_noted_values_keep_their_certainty(record: str, certainty: str) -> None:
    proto = chain("a", "b")
    proto.metadata_props.add(key=tags.VALUES, value=record)
    (claim,) = tags.testify_values(GraphIndex(proto)).claims
    assert (claim.module, claim.certainty) == ("enc", certainty)
