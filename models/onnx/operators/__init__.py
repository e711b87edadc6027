"""Operator handlers: what each ONNX operator on data becomes."""

from bnnplan.models.onnx.folding import FOLDS
from bnnplan.models.onnx.operators.activations import ACTIVATIONS
from bnnplan.models.onnx.operators.affine import AFFINE
from bnnplan.models.onnx.operators.arguments import Handler, Value
from bnnplan.models.onnx.operators.pooling import POOLING
from bnnplan.models.onnx.operators.products import PRODUCTS
from bnnplan.models.onnx.operators.qonnx import QONNX, QONNX_FOLDS, bare_kind
from bnnplan.models.onnx.operators.shapes import SHAPES

HANDLERS: dict[str, Handler] = {
    **PRODUCTS,
    **AFFINE,
    **ACTIVATIONS,
    **SHAPES,
    **POOLING,
    **QONNX,
}
"""What operators on data become, by operator."""

CONSTANT_RULES = {**FOLDS, **QONNX_FOLDS}
"""How operators on constants are computed, by operator."""

__all__ = ["CONSTANT_RULES", "HANDLERS", "Handler", "Value", "bare_kind"]
