from __future__ import annotations

import pytest

from rewriter.evidence.metadata.access_paths import read


@pytest.mark.parametrize(
    ("text", "base", "rest"),
    [
        ("layers.0.forward.__self__.fc1", "layers.0", "fc1"),
        ("layers.0.forward.func.__self__.fc1", "layers.0", "fc1"),
        ("layers.0.forward.func.__kwdefaults__['_old'].__self__.fc1", "layers.0", "fc1"),
        ("layers.0.forward.__kwdefaults__['a.b'].__self__.p.q", "layers.0", "p.q"),
        ("forward.__closure__[0].cell_contents.__self__.head", "", "head"),
        ("forward.__func__.__closure__[1].cell_contents.__self__.head", "", "head"),
        ("mlp.forward.__defaults__[0].__self__.act", "mlp", "act"),
        ("mlp.forward.args[0].act", "mlp", "act"),
        ("mlp.forward.keywords['m'].act", "mlp", "act"),
        ("mlp.forward.__wrapped__.__self__.act", "mlp", "act"),
        ("mlp.forward.f.__self__.act", "mlp", "act"),
        ("mlp.run.__self__.act", "mlp", "act"),
        ("mlp.run.func.__self__.act", "mlp", "act"),
        ("fns[2].__self__.conv", "", "conv"),
        ("mods[1]", "", ""),
        ("layers.0.forward.__self__", "layers.0", ""),
        ("func.forward.__self__.act", "func", "act"),
    ],
)
def test_attributes_are_no_modules(text: str, base: str, rest: str) -> None:
    found = read(text, frozenset())
    assert found and (found.base, found.rest) == (base, rest)


@pytest.mark.parametrize(
    "text",
    ["layers.0.fc1", "", "func.args.act", "a.forward", "a.__init", "forwarder.fc", "a.func", "self.closure"],
)
def test_modules_are_no_attributes(text: str) -> None:
    assert read(text, frozenset()) is None


def test_what_owns_weights_is_a_module_whatever_its_name() -> None:
    modules = {"a", "a.forward", "a.forward.fc", "w[0]"}
    assert read("a.forward.fc", modules) is None
    assert read("w[0].act", modules) is None
    found = read("a.forward.fc.forward.__self__.act", modules)
    assert found and (found.base, found.rest) == ("a.forward.fc", "act")


def test_an_object_in_place_of_forward_is_seen_through_to_a_known_module() -> None:
    found = read("a.forward.helper.blocks.0", {"a", "a.blocks", "a.blocks.0"})
    assert found and (found.base, found.rest) == ("a", "blocks.0")
    found = read("a.forward.helper.act", {"a"})
    assert found and (found.base, found.rest) == ("a", "act")
