"""Types of options that take one of a few words, so that type checkers can check scripts of users."""

from __future__ import annotations

from typing import Literal

FunctionsWord = Literal["none", "call", "shared"]
SidecarWord = Literal["none", "compact", "full"]
SubjectWord = Literal["node", "value", "weight", "module"]
KindWord = Literal["torch.nn", "huggingface", "torch", "custom", "unknown"]
WhatWord = Literal["nodes", "values", "initializers", "inputs", "outputs"]
WhatTappedWord = Literal["outputs", "inputs"]
IterationsWord = Literal["last", "stacked"]
FormWord = Literal["lines", "json", "python", "ort-quant", "ort-fp16", "nncf", "trt"]
PrecisionWord = Literal["fp32", "fp16", "bf16", "int32", "int8"]
HalfWord = Literal["fp16", "bf16"]
ViewerWord = Literal["model-explorer", "speedscope", "dot", "csv"]
WeightWord = Literal["nodes", "parameters", "bytes", "flops"]
MeasureWord = Literal["", "parameters", "nodes", "flops", "time"]

LawWord = Literal["none", "bits", "rounding"]
"""Laws that may prove two models equal: none, those that keep all bits, or all."""
