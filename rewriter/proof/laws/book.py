"""The laws, in the order in which they are tried on a node."""

from __future__ import annotations

from rewriter.proof.laws.arithmetic.broadcasting import BROADCASTING
from rewriter.proof.laws.arithmetic.casts import CASTS
from rewriter.proof.laws.arithmetic.commutativity import COMMUTATIVITY
from rewriter.proof.laws.arithmetic.dropout import DROPOUT
from rewriter.proof.laws.arithmetic.elementwise import ELEMENTWISE
from rewriter.proof.laws.arithmetic.evaluation import EVALUATION, ROUNDED_EVALUATION
from rewriter.proof.laws.arithmetic.opsets import OPSETS
from rewriter.proof.laws.arithmetic.reciprocals import RECIPROCALS
from rewriter.proof.laws.arithmetic.shape_arithmetic import SHAPE_ARITHMETIC
from rewriter.proof.laws.arithmetic.transposed_operands import TRANSPOSED_OPERANDS
from rewriter.proof.laws.arithmetic.units import UNITS
from rewriter.proof.laws.arithmetic.zeros import ZEROS
from rewriter.proof.laws.law import Law
from rewriter.proof.laws.linear.conv_bias import CONV_BIAS
from rewriter.proof.laws.linear.conv_norm import CONV_NORM
from rewriter.proof.laws.linear.conv_pad import CONV_PAD
from rewriter.proof.laws.linear.gemm import GEMM
from rewriter.proof.laws.linear.joined import JOINED
from rewriter.proof.laws.linear.rows import ROWS
from rewriter.proof.laws.linear.scaled import SCALED
from rewriter.proof.laws.linear.windows import WINDOWS
from rewriter.proof.laws.movement.expands import EXPANDS
from rewriter.proof.laws.movement.pads import PADS
from rewriter.proof.laws.movement.slices import SLICES, SPLITS
from rewriter.proof.laws.movement.slices_within import SLICES_WITHIN
from rewriter.proof.laws.movement.transposes import TRANSPOSES
from rewriter.proof.laws.movement.views import VIEWS

BITS: tuple[Law, ...] = (
    SHAPE_ARITHMETIC,
    VIEWS,
    TRANSPOSES,
    EXPANDS,
    SLICES,
    SPLITS,
    PADS,
    CASTS,
    UNITS,
    DROPOUT,
    EVALUATION,
    OPSETS,
    WINDOWS,
    ELEMENTWISE,
    SLICES_WITHIN,
    TRANSPOSED_OPERANDS,
    BROADCASTING,
    COMMUTATIVITY,
)
"""Laws that keep bits."""

ROUNDING: tuple[Law, ...] = (
    ROUNDED_EVALUATION,
    *BITS[:-1],
    ZEROS,
    RECIPROCALS,
    CONV_PAD,
    CONV_NORM,
    CONV_BIAS,
    SCALED,
    GEMM,
    JOINED,
    ROWS,
    BITS[-1],
)
"""All laws."""
