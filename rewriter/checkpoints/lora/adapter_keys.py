"""Reads the keys of an adapter: the module, and the part of the adapter that the tensor is.

peft writes `base_model.model.<module>.lora_A.weight`; a state dict that was saved by hand has the name of the
adapter too: `<module>.lora_A.<adapter>.weight`. Other keys are those of weights that training changed.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from rewriter.paths import ModulePath

_PEFT = "base_model.model."


class AdapterPart(StrEnum):
    """A part of the adapter of one module."""

    A = "lora_A"
    B = "lora_B"
    EMBEDDING_A = "lora_embedding_A"
    EMBEDDING_B = "lora_embedding_B"
    MAGNITUDE = "lora_magnitude_vector"
    BIAS = "lora_B.bias"
    WHOLE = "weight"
    """A parameter of the base model, with its new content."""


class AdapterKey(NamedTuple):
    """Role of a tensor in an adapter.

    Attributes:
        part: the part.
        path: the module, or for `WHOLE` the parameter, in the model that peft adapted.
        adapter: the name of the adapter in the key; '' if the key has none.
    """

    part: AdapterPart
    path: ModulePath
    adapter: str


_OF_LORA = re.compile(
    r"(?P<module>.+)\.(?P<part>lora_A|lora_B|lora_embedding_A|lora_embedding_B|lora_magnitude_vector)"
    r"(?:\.(?!weight$|bias$)(?P<adapter>[^.]+))?(?:\.(?P<kind>weight|bias))?$"
)
_SAVED = re.compile(r"\.modules_to_save(?:\.(?!weight$|bias$)(?P<adapter>[^.]+)(?=\.))?")
_UNKNOWN = re.compile(r"(?:^|\.)(?:lora_|token_adapter\.|original_module\.|trainable_tokens)")


def read_key(key: str) -> AdapterKey | None:
    """Return what the tensor of a key is; None for a part that LoRA does not have."""
    name = key.removeprefix(_PEFT)
    if found := _OF_LORA.match(name):
        part = AdapterPart(found["part"])
        if found["kind"] == "bias":
            if part is not AdapterPart.B:
                return None
            part = AdapterPart.BIAS
        return AdapterKey(part, _without_layers(found["module"]), found["adapter"] or "")
    if _UNKNOWN.search(name):
        return None
    saved = _SAVED.search(name)
    plain = _without_layers(_SAVED.sub("", name))
    return AdapterKey(AdapterPart.WHOLE, plain, (saved["adapter"] or "") if saved else "")


def _without_layers(path: str) -> ModulePath:
    """Return a path without the layers that peft puts around the layers of the base model."""
    return ModulePath(".".join(atom for atom in path.split(".") if atom != "base_layer"))
