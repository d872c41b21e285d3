"""The name of an operator that modules are replaced by, and the rules that it keeps."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from onnx import FunctionProto, ModelProto, NodeProto

from rewriter.errors import UsageError
from rewriter.model.index.graph import nodes_within
from rewriter.model.operator_set.operator_names import domains_of_name
from rewriter.model.operator_set.operators import is_standard, left_to_runtimes

PROVISIONAL = "rewriter.replaced"
"""Domain of functions that are proved before they get their name in a domain of a runtime."""
_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]*"
_FORM = re.compile(rf"({_IDENTIFIER}(?:\.{_IDENTIFIER})*):({_IDENTIFIER})", re.ASCII)


@dataclass(frozen=True, slots=True)
class OperatorName:
    """Domain and name of an operator.

    Raises:
        UsageError: the domain is ONNX's own, or runtimes have an operator of this name in other domains only.
    """

    domain: str
    name: str

    def __post_init__(self) -> None:
        """Refuse names that readers would take for other operators."""
        if is_standard(self.domain):
            raise UsageError(
                f"{self}: in {self.domain}, a domain of ONNX, onnx's checker and onnxruntime accept only the "
                "operators of ONNX, and no function of a model; choose another domain, such as my.domain"
            )
        owners = domains_of_name(self.name)
        if owners and self.domain not in owners:
            raise UsageError(
                f"{self}: {self.name} is an operator of {' and '.join(owners)}, and onnxruntime takes a node "
                f"of this name for that operator in any domain; choose another name, such as "
                f"{self.domain}:{self.name}Module"
            )

    @classmethod
    def of(cls, text: str) -> OperatorName:
        """Read a name in the form `domain:Name`.

        Raises:
            UsageError: the text has another form; see also the class.
        """
        if (found := _FORM.fullmatch(text)) is None:
            raise UsageError(
                f"{text!r} names no operator; write DOMAIN:NAME in letters, digits, '_' and, in the domain, "
                "'.', such as my.domain:FusedAttention"
            )
        return cls(found[1], found[2])

    @property
    def may_have_kernel(self) -> bool:
        """Whether runtimes may have a kernel of this name, and run it instead of the function."""
        return left_to_runtimes(self.domain)

    @property
    def provisional(self) -> OperatorName:
        """The name for the proof: the certificate enters functions only in domains that no runtime has."""
        return OperatorName(PROVISIONAL, "Replaced") if self.may_have_kernel else self

    def demand_free(self, model: ModelProto, file: str) -> None:
        """Refuse a name that nodes or functions of a model have.

        Raises:
            UsageError: the model has such a node or function.
        """
        if any((each.domain, each.name) == (self.domain, self.name) for each in model.functions):
            raise UsageError(f"{file}: {self} is a function of this file already; choose another name")
        for node in nodes_within([*model.graph.node, *_inside(model.functions)]):
            if (node.domain, node.op_type) == (self.domain, self.name):
                raise UsageError(
                    f"{file}: node {node.name or node.output[0]!r} is a {self} already, and would call the "
                    "function; choose another name"
                )

    def __str__(self) -> str:
        return f"{self.domain}:{self.name}"


def _inside(functions: Iterable[FunctionProto]) -> list[NodeProto]:
    return [node for function in functions for node in function.node]
