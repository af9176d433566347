"""Values and calls as short text, for the cards."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

MOST_CELLS = 16  # a tensor with more values than this is described by its shape and its first values
MOST_ITEMS = 8
MOST_LETTERS = 80
DEEPEST = 3
USUAL_DTYPES = (torch.float32, torch.int64, torch.bool)


def describe_call(name: str, case: Mapping[str, Any]) -> str:
    """The call as one would type it: `output_size(size=7, kernel_size=3)`, long tensors shortened."""
    return f"{name}({', '.join(f'{argument}={describe(value)}' for argument, value in case.items())})"


def describe(value: object, depth: int = 0) -> str:
    """A value in at most a line or two.

    Runs no code of the value itself: an object of a learner's own class is named by its class.
    """
    if isinstance(value, Tensor):
        return describe_tensor(value, "tensor")
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return describe_tensor(torch.from_numpy(value.copy()), "array")
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return f"np.{value.dtype.name}({_number(value.item())})"
    if value is None or type(value) in (bool, int, float):
        return _number(value)
    if type(value) is str:
        return repr(value if len(value) <= MOST_LETTERS else value[:MOST_LETTERS] + "…")
    if isinstance(value, tuple) and hasattr(type(value), "_fields"):  # a named tuple is a tuple
        value = tuple(tuple.__iter__(value))
    if isinstance(value, (list, tuple, dict)) and type(value) in (list, tuple, dict):
        return _describe_items(value, depth)
    if isinstance(value, (torch.dtype, torch.device)):
        return str(value)
    return f"<{type(value).__name__}>"


def describe_tensor(tensor: Tensor, word: str) -> str:
    """A small tensor in full, a large one as `tensor(3×8×8 float32: 0.12, -0.3, 1.5, …)`."""
    tensor = dense(tensor)
    if tensor.device.type == "meta":
        return f"{word}({shape(tensor)} {kind(tensor)} on meta)"
    if tensor.numel() <= MOST_CELLS:
        dtype = "" if tensor.dtype in USUAL_DTYPES else f", dtype={kind(tensor)}"
        return f"{word}({_cells(tensor.tolist())}{dtype})"
    first = ", ".join(_number(value) for value in tensor.flatten()[:3].tolist())
    return f"{word}({shape(tensor)} {kind(tensor)}: {first}, …)"


def dense(tensor: Tensor) -> Tensor:
    """The values alone: no gradient, no sparse layout."""
    tensor = tensor.detach()
    return tensor if tensor.layout is torch.strided else tensor.to_dense()


def shape(tensor: Tensor) -> str:
    """3×8×8; one value is said in words."""
    return "×".join(map(str, tensor.shape)) or "one value"


def kind(tensor: Tensor) -> str:
    """float32, int64, …"""
    return str(tensor.dtype).removeprefix("torch.")


def function_name(function: object) -> str:
    """The name in a function's def line."""
    name = getattr(function, "__name__", None)
    return name if isinstance(name, str) else type(function).__name__


def _number(value: object) -> str:
    """Seven digits are enough to see every difference that counts as one."""
    if isinstance(value, float):
        text = format(value, ".7g")
        return text if any(letter in text for letter in ".en") else f"{text}.0"
    if type(value) is int and abs(value) >= 10**MOST_LETTERS:
        return f"<a whole number of about {round(value.bit_length() * 0.30103)} digits>"
    return str(value)


def _cells(values: object) -> str:
    if isinstance(values, list):
        return f"[{', '.join(map(_cells, values))}]"
    return _number(values)


def _describe_items(items: list | tuple | dict, depth: int) -> str:
    """The first items, in the brackets of their container."""
    opening, closing = {list: ("[", "]"), tuple: ("(", ")"), dict: ("{", "}")}[type(items)]
    if depth == DEEPEST:
        return f"{opening}…{closing}"
    if isinstance(items, dict):
        pairs = list(items.items())[:MOST_ITEMS]
        parts = [f"{describe(key, depth + 1)}: {describe(value, depth + 1)}" for key, value in pairs]
    else:
        parts = [describe(value, depth + 1) for value in items[:MOST_ITEMS]]
    if len(items) > MOST_ITEMS:
        parts.append("…")
    comma = "," if type(items) is tuple and len(items) == 1 else ""
    return f"{opening}{', '.join(parts)}{comma}{closing}"
