from __future__ import annotations

from rewriter import pipeline
from rewriter.cutting.check import Checking
from rewriter.cutting.hoisting import hoist
from rewriter.cutting.plan.places import places_of
from rewriter.cutting.split import At, plan_split
from tests.build import model
from tests.exports import EXPORTS


def shown(source: object) -> list[str]:
    analysis = pipeline.load_sorted(source)  # type: ignore[arg-type]
    main = hoist(analysis.graph, set()).main
    return [str(At(each.module, each.call)) for each in places_of(analysis, main)]


def test_of_modules_that_begin_together_the_outermost_is_named() -> None:
    source = model("""
        g (float[2] x) => (float[2] y)
        {
          ["/stem/Relu"] a = Relu (x)
          ["/l/l.0/act/Abs"] b = Abs (a)
          ["/l/l.0/out/Neg"] c = Neg (b)
          ["/l/l.1/act/Abs"] y = Abs (c)
        }
    """)
    assert shown(source) == ["l", "l.0.out", "l.1"]


def test_nothing_but_constants_before_is_no_place() -> None:
    source = model("""
        g (float[2] x) => (float[2] y) <float[2] w = {1.0, 2.0}>
        { ["/early/Exp"] v = Exp (w) ["/l.0/Add"] a = Add (x, v) ["/l.1/Abs"] y = Abs (a) }
    """)
    assert shown(source) == ["l.1"]


def test_every_place_can_be_cut() -> None:
    for case in ("bert/ts", "bias_free/dy", "computed_weights/ts", "shared_block/dy", "t5/ts"):
        analysis = pipeline.load_sorted(EXPORTS / f"{case}.onnx")
        places = places_of(analysis, hoist(analysis.graph, set()).main)
        assert places
        for each in places:
            found = plan_split(analysis, [At(each.module, each.call)], Checking(numbers=False))
            assert len(found.parts) == 2
