from __future__ import annotations

import pytest

from rewriter.evidence import claims as said
from rewriter.evidence.claims import ParameterClaim, Source
from rewriter.evidence.metadata import dynamo
from rewriter.model.index.graph import GraphIndex
from rewriter.paths import ModulePath
from tests.build import chain, model


def hear(**entries: str) -> said.Testimony:
    keys = {
        "scopes": dynamo.NAME_SCOPES,
        "classes": dynamo.CLASS_HIERARCHY,
        "namespace": dynamo.NAMESPACE,
    }
    return dynamo.testify(GraphIndex(chain("n", n={keys[key]: value for key, value in entries.items()})))


def test_modules_and_classes_from_the_root_down() -> None:
    found = hear(
        scopes="['', 'enc', 'enc.layer.0', 'relu']",
        classes="['pkg.Model', 'pkg.Encoder', 'torch.nn.ReLU', 'aten.relu.default']",
    )
    (claim,) = found.claims
    assert (claim.module, claim.class_name, claim.source) == ("enc.layer.0", "torch.nn.ReLU", Source.EXPORTER)
    assert found.classes == {"": "pkg.Model", "enc": "pkg.Encoder", "enc.layer.0": "torch.nn.ReLU"}


def test_odd_names_are_read_from_the_list_not_the_namespace() -> None:
    found = hear(
        scopes="['', 'a/b: c, d', 'relu']",
        classes="['pkg.Model', 'pkg.A', 'aten.relu']",
        namespace=": pkg.Model/a/b: c, d: pkg.A/relu: aten.relu",
    )
    assert found.claims[0].module == "a/b: c, d"


@pytest.mark.parametrize(
    "entries",
    [
        {"scopes": "['relu']"},
        {"scopes": "['', '_empty_nn_module_stack_from_metadata_hook', 'relu']"},
        {"scopes": "[]"},
        {"scopes": "nonsense"},
        {"scopes": "[1, 2, 3]"},
        {"scopes": "__import__('os').getcwd(), 'x']"},
        {"namespace": "relu"},
        {"namespace": "encoder/layer.0"},
        {"namespace": ": A/_empty_nn_module_stack_from_metadata_hook/x: B/op: aten.relu"},
        {},
    ],
)
def test_no_module(entries: dict[str, str]) -> None:
    assert hear(**entries) == said.Testimony()


def test_the_namespace_counts_where_the_lists_are_missing() -> None:
    found = hear(namespace=": pkg.Model/enc: pkg.Encoder/relu: aten.relu")
    assert (found.claims[0].module, found.claims[0].class_name) == ("enc", "pkg.Encoder")


def test_the_wrapper_of_strict_export_is_no_module() -> None:
    found = hear(
        scopes="['', '_export_root', '_export_root.enc', 'relu']",
        classes="['pkg.Model', 'pkg.Model', 'pkg.Encoder', 'aten.relu']",
    )
    assert (found.claims[0].module, found.claims[0].class_name) == ("enc", "pkg.Encoder")
    assert found.classes == {"": "pkg.Model", "enc": "pkg.Encoder"}


def test_classes_that_do_not_fit_are_left_out() -> None:
    found = hear(scopes="['', 'enc', 'relu']", classes="['pkg.Model', 'aten.relu']")
    assert (found.claims[0].module, found.claims[0].class_name, found.classes) == ("enc", None, {})


SIGNATURE = (
    "# inputs\np_fc_weight: PARAMETER target='fc.weight'\nb_mask: BUFFER target='mask' persistent=True\n"
)


@pytest.mark.parametrize(
    ("origin", "operator", "expected"),
    [
        ("['fc.weight']", "%linear : [target=torch.ops.aten.linear](args = (%x, %p_fc_weight))", True),
        ("['fc.weight']", "%add : [target=torch.ops.aten.add](args = (%x, %p_fc_weight))", None),
        ("['fc.weight']", "%linear : [target=aten.linear](args = (%x, %mul))", None),
        ("['fc.weight']", "%linear : [target=aten.linear](args = (%x, %p_fc_weight_2))", None),
        ("['fc.weight', 'mask']", "%linear : aten.linear(%x, %p_fc_weight)", None),
        ("['gone']", "%linear : aten.linear(%x, %p_fc_weight)", None),
    ],
)
def test_folded_parameters(origin: str, operator: str, expected: bool | None) -> None:
    proto = model(
        """g (float[2,2] x) => (float[2,2] y) <float[2,2] val_0, float[2,2] val_0 = {1,2,3,4}>
        { [n] y = MatMul(x, val_0) }""",
        n={dynamo.FX_NODE: operator},
    )
    proto.graph.metadata_props.add(key=dynamo.GRAPH_SIGNATURE, value=SIGNATURE)
    proto.graph.value_info[0].metadata_props.add(key=dynamo.FOLDED_FROM, value=origin)
    found = dynamo.testify(GraphIndex(proto)).parameters
    if expected is None:
        assert found == ()
    else:
        assert found == (ParameterClaim("val_0", ModulePath("fc.weight"), expected, Source.EXPORTER),)


REPLACED = """g (float[2,4] x) => (float[2,4] y)
<int8[4,4] val_9_DQ_Q4 = {1}, float scale = {0.5}, float[4] "fc.bias" = {1,2,3,4}> {
  [dequantised] w = DequantizeLinear (val_9_DQ_Q4, scale)
  [product] a = MatMul (x, w)
  [sum] y = Add (a, "fc.bias")
}"""


@pytest.mark.parametrize(("recorded", "owners"), [("fc.weight", ["fc", "fc"]), ("val_8", [])])
def test_a_record_outlives_the_weight_that_a_quantiser_replaced(recorded: str, owners: list[str]) -> None:
    """The exporter folded a transposition into `val_9`, and recorded what it was computed from."""
    proto = model(REPLACED)
    info = proto.graph.value_info.add(name="val_9")
    info.metadata_props.add(key=dynamo.FOLDED_FROM, value=str([recorded]))
    signature = "p_0: PARAMETER target='fc.weight'"
    proto.graph.metadata_props.add(key=dynamo.GRAPH_SIGNATURE, value=signature)
    claims = dynamo.testify(GraphIndex(proto)).claims
    assert [claim.module for claim in claims] == owners
    assert all(claim.source is Source.PARAMETER for claim in claims)


def test_the_scale_of_a_replaced_weight_places_the_product_of_scales() -> None:
    proto = model("""g (float x_scale) => (float y) <float val_9_scale = {0.5}> {
      [node_MatMul_9_quant_scales_mul] y = Mul (x_scale, val_9_scale)
    }""")
    info = proto.graph.value_info.add(name="val_9")
    info.metadata_props.add(key=dynamo.FOLDED_FROM, value="['fc.weight']")
    signature = "p_0: PARAMETER target='fc.weight'"
    proto.graph.metadata_props.add(key=dynamo.GRAPH_SIGNATURE, value=signature)
    assert [claim.module for claim in dynamo.testify(GraphIndex(proto)).claims] == ["fc"]
