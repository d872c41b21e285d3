from rewriter.runtime.inputs.dimension_sizes import choices
from rewriter.runtime.inputs.input import Dim, Input

FLOAT = 1


def made(**dims: tuple[Dim, ...] | None) -> tuple[Input, ...]:
    return tuple(Input(name, FLOAT, each) for name, each in dims.items())


def test_a_static_model_has_one_choice() -> None:
    (only,) = choices(made(x=(2, 3), y=()))
    assert only.shapes == {"x": (2, 3), "y": ()}


def test_a_model_without_inputs_has_one_choice() -> None:
    (only,) = choices(())
    assert only.shapes == {}


def test_equal_symbols_are_equal_and_others_differ_at_first() -> None:
    first = choices(made(x=("n", "m"), y=("m", "n"), z=(None,)))[0]
    assert first.shapes == {"x": (2, 3), "y": (3, 2), "z": (5,)}


def test_a_sum_follows_its_names() -> None:
    for choice in choices(made(x=("past",), y=("new",), mask=("past + new",))):
        assert choice.shapes["mask"][0] == choice.shapes["x"][0] + choice.shapes["y"][0]


def test_a_sum_of_names_that_stand_nowhere_is_a_symbol_of_its_own() -> None:
    first = choices(made(x=("batch-size", 4), y=("batch-size",)))[0]
    assert first.shapes == {"x": (2, 4), "y": (2,)}


def test_sizes_that_come_out_negative_are_left_out() -> None:
    found = choices(made(x=("n",), y=("m",), z=("n - m",)))
    assert found
    assert all(choice.shapes["z"][0] >= 0 for choice in found)


def test_symbols_that_must_agree_are_tried_as_equal_on_their_axis() -> None:
    shapes = [choice.shapes for choice in choices(made(x=("s1", "s2"), y=("s3", "s4")))]
    assert {"x": (2, 3), "y": (2, 3)} in shapes


def test_a_symbol_is_tried_as_the_sum_of_two_others() -> None:
    found = choices(made(x=("new",), past=("past",), mask=("total",)))
    assert any(each.shapes["mask"][0] == each.shapes["x"][0] + each.shapes["past"][0] for each in found)


def test_no_choice_comes_twice() -> None:
    keys = [tuple(each.shapes.values()) for each in choices(made(x=("a", "b"), y=("c", None)))]
    assert len(keys) == len(set(keys))


def test_unknown_ranks_are_tried() -> None:
    assert {len(each.shapes["x"]) for each in choices(made(x=None))} == {0, 1, 2, 3, 4}
