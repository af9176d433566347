"""Receptive fields: of a chain of layers by formula, of any module by its rules, and by gradient."""

from lessons_lib.ops.receptive_field.chain import (
    Field,
    Layer,
    at_output_stride,
    extent,
    input_gradient,
    path_counts,
    receptive_fields,
)
from lessons_lib.ops.receptive_field.module import LayerField, module_fields
from lessons_lib.ops.receptive_field.seen import seen_pixels

__all__ = [
    "Field",
    "Layer",
    "LayerField",
    "at_output_stride",
    "extent",
    "input_gradient",
    "module_fields",
    "path_counts",
    "receptive_fields",
    "seen_pixels",
]
