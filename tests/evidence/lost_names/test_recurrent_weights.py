"""The operands of LSTM, GRU and RNN hold the parameters of a layer of torch, rearranged."""

from __future__ import annotations

import onnx
import pytest

from rewriter.evidence.claims import InitializerSlice, ParameterClaim
from rewriter.evidence.metadata import dynamo, tags
from rewriter.model import metadata
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.build import analyse
from rewriter.passes.restore_names import RestoreNames
from tests.build import model

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def recurrent(
    operator: str = "LSTM", layers: int = 1, directions: int = 1, name: str = ""
) -> onnx.ModelProto:
    """Layers of 2 hidden units on 3 inputs; operands `onnx::LSTM_<layer><position>`, or `<name><...>`."""
    rows = GATES[operator] * 2
    held, nodes, read = [], [], "x"
    for layer in range(layers):
        prefix = f"{name or f'onnx::{operator}_'}{layer}"
        size = 3 if layer == 0 else 2 * directions
        held += [
            f'float[{directions},{rows},{size}] "{prefix}1" = {{0}}',
            f'float[{directions},{rows},2] "{prefix}2" = {{0}}',
            f'float[{directions},{2 * rows}] "{prefix}3" = {{0}}',
        ]
        flag = 'direction = "bidirectional"' if directions == 2 else 'direction = "forward"'
        nodes.append(
            f'["/rnn/{operator}_{layer}"] r{layer} = {operator}<hidden_size = 2, {flag}>'
            f'({read}, "{prefix}1", "{prefix}2", "{prefix}3")'
            f'["/rnn/Reshape_{layer}"] s{layer} = Reshape(r{layer}, shape{layer})'
        )
        held.append(f"int64[3] shape{layer} = {{5,1,{2 * directions}}}")
        read = f"s{layer}"
    return model(f"g (float[5,1,3] x) => (float[5,1,2] {read}) <{', '.join(held)}> {{ {' '.join(nodes)} }}")


def claims(proto: onnx.ModelProto) -> tuple[ParameterClaim, ...]:
    return analyse(GraphIndex(proto)).parameters


def named(proto: onnx.ModelProto) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for claim in claims(proto):
        found.setdefault(claim.initializer, []).append(claim.name)
    return found


def test_the_nodes_of_a_call_are_the_layers() -> None:
    assert named(recurrent("GRU", layers=2)) == {
        "onnx::GRU_01": ["rnn.weight_ih_l0"],
        "onnx::GRU_02": ["rnn.weight_hh_l0"],
        "onnx::GRU_03": ["rnn.bias_ih_l0", "rnn.bias_hh_l0"],
        "onnx::GRU_11": ["rnn.weight_ih_l1"],
        "onnx::GRU_12": ["rnn.weight_hh_l1"],
        "onnx::GRU_13": ["rnn.bias_ih_l1", "rnn.bias_hh_l1"],
    }


def test_parallel_nodes_are_no_layers() -> None:
    """Two modules whose names are lost, or one that is called twice with other weights: nothing tells."""
    proto = recurrent(layers=2)
    assert len(named(proto)) == 6
    proto.graph.node[2].input[0] = "x"
    assert named(proto) == {}


def test_a_layer_of_another_module_in_between_ends_the_chain() -> None:
    proto = recurrent(layers=3)
    proto.graph.node[2].name = "/other/LSTM"
    assert {name.partition(".")[0] for names in named(proto).values() for name in names} == {"other"}


def test_a_direction_is_a_part() -> None:
    found = {str(claim.name): claim for claim in claims(recurrent(directions=2))}
    assert found["rnn.weight_hh_l0_reverse"].part == InitializerSlice(0, 1, 2)
    assert found["rnn.bias_hh_l0_reverse"].part == InitializerSlice(0, 1, 2, InitializerSlice(1, 8, 16))
    module = analyse(GraphIndex(recurrent(directions=2))).tree["rnn"]
    shapes = {each.name: each.shape for each in module.parameters}
    assert (shapes["weight_ih_l0"], shapes["bias_ih_l0_reverse"]) == ((1, 8, 3), (1, 8))
    assert module.params == 2 * (8 * 3 + 8 * 2 + 16)
    assert module.inferred_class == "torch.nn.modules.rnn.LSTM"


def test_a_cell_of_one_gate_holds_the_parameter_itself() -> None:
    found = {str(claim.name): claim for claim in claims(recurrent("RNN"))}
    weight = found["rnn.weight_ih_l0"]
    assert (weight.part, weight.detail, weight.stored_as) == (None, "", None)
    assert found["rnn.bias_hh_l0"].part == InitializerSlice(1, 2, 4)
    assert found["rnn.bias_hh_l0"].stored_as == "rnn.B_l0"


@pytest.mark.parametrize(
    ("operator", "directions", "names"),
    [
        ("LSTM", 1, ["rnn.W_l0", "rnn.R_l0", "rnn.B_l0"]),
        ("RNN", 1, ["rnn.weight_ih_l0", "rnn.weight_hh_l0", "rnn.B_l0"]),
        ("RNN", 2, ["rnn.W_l0", "rnn.R_l0", "rnn.B_l0"]),
    ],
)
def test_a_restored_name_is_no_name_of_a_rearranged_parameter(
    operator: str, directions: int, names: list[str]
) -> None:
    proto = recurrent(operator, directions=directions)
    before = named(proto)
    RestoreNames().run(analyse(GraphIndex(proto)))
    restored = [tensor for tensor in proto.graph.initializer if "shape" not in tensor.name]
    assert [tensor.name for tensor in restored] == names
    kept = dict(zip(before, names, strict=True))
    assert named(proto) == {kept[former]: parameters for former, parameters in before.items()}
    assert RestoreNames().run(analyse(GraphIndex(proto))).changes["weights named"] == 0


def test_the_file_tells_what_a_tensor_holds() -> None:
    proto = recurrent(directions=2)
    RestoreNames().run(analyse(GraphIndex(proto)))
    assert metadata.read(proto.graph.initializer[0])[tags.DIFFERS] == (
        "weight_ih_l0, weight_ih_l0_reverse; gates in the order of ONNX"
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda node: setattr(node.attribute[1], "s", b"reverse"),
        lambda node: node.input.extend(["", "", "", "onnx::LSTM_03"]),  # peepholes
        lambda node: setattr(node, "domain", "mine"),
    ],
)
def test_a_form_that_torch_does_not_write_stays_unnamed(change: object) -> None:
    proto = recurrent()
    assert named(proto)
    change(proto.graph.node[0])  # type: ignore[operator]
    assert named(proto) == {}


def test_other_producers_name_parameters_otherwise() -> None:
    assert named(recurrent(name="const_fold_opt__")) == {}


def recorded(*parameters: str, listed: tuple[str, ...] = ()) -> onnx.ModelProto:
    """Make a file of dynamo; the exporter computed W from `parameters`."""
    proto = recurrent(name="val_")
    known = ("rnn.weight_ih_l0", "rnn.weight_hh_l0", *listed)
    lines = "".join(f"p{n}: PARAMETER target='{name}'\n" for n, name in enumerate(known))
    proto.graph.metadata_props.add(key=dynamo.GRAPH_SIGNATURE, value=lines)
    info = proto.graph.value_info.add(name="val_01")
    info.metadata_props.add(key=dynamo.FOLDED_FROM, value=str([*parameters, "val_7"]))
    return proto


def test_the_record_of_the_exporter_decides() -> None:
    assert named(recorded("rnn.weight_ih_l0")) == {"val_01": ["rnn.weight_ih_l0"]}
    assert named(recorded("rnn.weight_ih_l0", "rnn.weight_hh_l0")) == {}
    assert named(recorded()) == {}


def test_projections_stay_unnamed() -> None:
    assert named(recorded("rnn.weight_ih_l0", listed=("rnn.weight_hr_l0",))) == {}


def test_a_second_call_reads_the_same_layers() -> None:
    text = """g (float[5,1,2] x) => (float[5,1,2] y)
    <float[1,8,2] "onnx::LSTM_1" = {0}, float[1,8,2] "onnx::LSTM_2" = {0}, int64[1] axis = {1}> {
      ["/rnn/LSTM"] a = LSTM<hidden_size = 2>(x, "onnx::LSTM_1", "onnx::LSTM_2")
      ["/rnn/Squeeze"] b = Squeeze(a, axis)
      ["/rnn_1/LSTM"] c = LSTM<hidden_size = 2>(b, "onnx::LSTM_1", "onnx::LSTM_2")
      ["/rnn_1/Squeeze"] y = Squeeze(c, axis)
    }"""
    found = named(model(text))
    assert {name for names in found.values() for name in names} == {"rnn.weight_ih_l0", "rnn.weight_hh_l0"}


def test_equal_layers_of_a_call_keep_their_numbers() -> None:
    """An exporter merges equal tensors, so two layers may read the same ones."""
    text = """g (float[5,1,2] x) => (float[5,1,2] y)
    <float[1,2,2] "onnx::RNN_1" = {0}, float[1,2,2] "onnx::RNN_2" = {0}, float[1,2,2] "onnx::RNN_3" = {0},
     int64[1] axis = {1}> {
      ["/rnn/RNN"] a = RNN(x, "onnx::RNN_1", "onnx::RNN_2") ["/rnn/Squeeze"] b = Squeeze(a, axis)
      ["/rnn/RNN_1"] c = RNN(b, "onnx::RNN_1", "onnx::RNN_2") ["/rnn/Squeeze_1"] d = Squeeze(c, axis)
      ["/rnn/RNN_2"] e = RNN(d, "onnx::RNN_3", "onnx::RNN_2") ["/rnn/Squeeze_2"] y = Squeeze(e, axis)
    }"""
    found = named(model(text))
    assert found["onnx::RNN_1"] == ["rnn.weight_ih_l0", "rnn.weight_ih_l1"]
    assert found["onnx::RNN_3"] == ["rnn.weight_ih_l2"]
