"""Refusals of passes, each with a reason and a witness: a node, value or function."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from rewriter.paths import ModulePath


class Reason(Enum):
    """Reason why a pass did not change something, or not as requested."""

    NAME_TAKEN = "the name is already used in this file"
    AMBIGUOUS = "the evidence allows more than one answer"
    NOT_CONVEX = "values leave it and come back through other nodes, so it was cut into segments"
    OTHER_OPSET = "the function imports other opsets than the model, so it was kept"
    A_LIST = "it owns no node and other nodes run between its submodules, so its caller calls each of them"
    CYCLIC = "it and another module feed each other, so its nodes moved to its caller"
    LATE_TYPE = (
        "onnxruntime cannot pass some types (8-bit floats, 4 and 2 bits, optionals) from function to "
        "function, so the node that reads such a value moved to an outer caller"
    )
    NAMES_LOST = "the names of its calls are too long to keep, so 'flatten' will name nodes after their calls"
    GROUPED = "its names and annotations are spread over functions, so they stay; 'rewriter flatten' it first"
    NO_TYPE = (
        "onnx cannot infer types after this node and reads no stated types in nested functions, so no "
        "function has it; --depth 1 allows it if the file states the type or onnxruntime infers it"
    )
    STATED_TYPE = (
        "a Loop or Scan depends on a type that the file states before it, and runtimes read no stated types "
        "in functions, so no function has this node; to mend that, state a shape for every output of its body"
    )
    NO_KERNEL = "onnxruntime accepts this node in a graph but not in a function, so no function has it"
    NO_IMPORT = (
        "the file imports no version of this node's operator set, and functions need one, so no function has "
        "it; to mend that, add the operator set to opset_import"
    )
    OPAQUE_IN_A_BODY = (
        "onnx does not know this operator or one inside it, and the types behind it are not known in a body "
        "of If, Loop or Scan, so no function has this node"
    )
    NEVER_CALLED = (
        "it is never called as a whole, so it has no inputs and outputs; choose the modules below it"
    )
    NO_VALUE = "no value that the model computes enters or leaves it, so there is none to show"
    TAPPED = "an output of the model shows this value for this module already"
    ENDS_OF_MODEL = "its inputs and outputs are those of the model"
    IN_A_FUNCTION = (
        "the value is in a function of another tool, which stays as it is; 'rewriter flatten --foreign' "
        "inlines it"
    )
    OTHER_OWNER = (
        "the value is in a body of another operator than If, Loop and Scan, whose results are not known"
    )
    EARLY_SCAN = "the Scan around the value is older than opset 9, so it gets no further result"
    BRANCH_IN_ITERATIONS = (
        "the branch around the value may run in some iterations only, and stacked iterations need one shape; "
        "--iterations last can show it in a Loop"
    )
    NO_TENSOR = "the value is no tensor, and bodies hand on only tensors here"
    SCALAR_IN_BODY = (
        "the value is a scalar, and a branch or Loop that does not run gives no scalar without elements; "
        "--iterations stacked can show it in a Loop"
    )
    NO_OUTPUT_TYPE = (
        "neither onnx nor onnxruntime knows the type of this value, and an output of a model must have one"
    )
    NO_IDENTITY = (
        "no Identity of this opset, or of onnxruntime, copies a value of its type; --value makes the value "
        "itself an output"
    )
    READ_OUTSIDE = "nodes outside of the module read its result too, so it stays before the new node"
    LOST_DEFAULT = "onnx loses the defaults of its attributes inside functions, so no function has this node"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A change that a pass refused; `witness` names a node, value or function that shows the reason."""

    module: ModulePath
    reason: Reason
    witness: str

    def __str__(self) -> str:
        witness = f" ({self.witness})" if self.witness else ""
        return f"{self.module or '(root)'}: {self.reason.value}{witness}"
