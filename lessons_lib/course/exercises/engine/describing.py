"""Values and calls as short text, for the cards."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

MOST_CELLS = 16  # a tensor with more values than this is described by its shape and its first values
MOST_ITEMS = 8
MOST_LETTERS = 80
DEEPEST = 3
USUAL_DTYPES = (torch.float32, torch.int64, torch.bool)


Written = Callable[[object], str]  # how a number is written


def rounded(value: object, digits: int = 7) -> str:
    """A number as text; of a decimal one, that many significant digits."""
    if isinstance(value, float):
        text = format(value, f".{digits}g")
        return text if any(letter in text for letter in ".en") else f"{text}.0"
    if type(value) is int and abs(value) >= 10**MOST_LETTERS:
        return f"<a whole number of about {round(value.bit_length() * 0.30103)} digits>"
    return str(value)


def plain(value: object) -> str:
    """A number as text, for inputs: one that is only nearly 0.5 never reads 0.5, and 0.1 in float32 reads 0.1."""
    text = rounded(value)
    if not isinstance(value, float) or not np.isfinite(value) or sum(map(str.isdigit, text.split("e")[0])) >= 7:
        return text
    single = np.float32(value)
    if float(text) == value or (float(single) == value and np.float32(text) == single):
        return text
    return rounded(value, 9 if float(single) == value else 17)


def describe_call(function: object, case: Mapping[str, Any]) -> str:
    """The call as one would type it: `output_size(size=7, kernel_size=3)`, long tensors shortened.

    A class is made with the arguments that its constructor has, and called with the others.
    """
    given = {argument: f"{argument}={describe(value, plain)}" for argument, value in case.items()}
    if not inspect.isclass(function):
        return f"{function_name(function)}({', '.join(given.values())})"
    made = [text for argument, text in given.items() if argument in constructor_arguments(function)]
    called = [text for argument, text in given.items() if argument not in constructor_arguments(function)]
    return f"{function_name(function)}({', '.join(made)})({', '.join(called)})"


def constructor_arguments(made: Callable[..., Any]) -> list[str]:
    """The names of the arguments that make an object of a class, in order; none where Python cannot tell."""
    try:
        return list(inspect.signature(made).parameters)
    except (TypeError, ValueError):  # some compiled classes
        return []


def describe_apart(one: object, other: object, index: tuple[int, ...] = ()) -> tuple[str, str]:
    """Two values that differ, with as many digits as it takes to see that they do, where that is possible.

    index: the first position at which two tensors differ; a large one is shown from there.
    """
    for digits in (7, 9, 12, 17):
        write = functools.partial(rounded, digits=digits)
        texts = [describe(value, write, index=index) for value in (one, other)]
        if texts[0] != texts[1]:
            break
    return texts[0], texts[1]


def describe(value: object, write: Written = rounded, depth: int = 0, index: tuple[int, ...] = ()) -> str:
    """A value in at most a line or two.

    Runs no code of the value itself: an object of a learner's own class is named by its class.
    """
    if isinstance(value, Tensor):
        return describe_tensor(value, "tensor", write, index)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return describe_tensor(torch.from_numpy(value.copy()), "array", write)
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return f"np.{value.dtype.name}({write(value.item())})"
    if value is None or type(value) in (bool, int, float):
        return write(value)
    if type(value) is str:
        return repr(value if len(value) <= MOST_LETTERS else value[:MOST_LETTERS] + "…")
    if isinstance(value, tuple) and hasattr(type(value), "_fields"):  # a named tuple is a tuple
        value = tuple(tuple.__iter__(value))
    if isinstance(value, (list, tuple, dict)) and type(value) in (list, tuple, dict):
        return _describe_items(value, write, depth)
    if isinstance(value, (torch.dtype, torch.device)):
        return str(value)
    return f"<{type(value).__name__}>"


def describe_tensor(tensor: Tensor, word: str, write: Written = rounded, index: tuple[int, ...] = ()) -> str:
    """A small tensor in full, a large one as `tensor(3×8×8 float32: 0.12, -0.3, 1.5, …)`.

    index: where the three values of a large tensor begin, and this is said; its first value otherwise.
    """
    tensor = dense(tensor)
    if tensor.device.type == "meta":
        return f"{word}({shape(tensor)} {kind(tensor)} on meta)"
    if tensor.numel() == 0:
        return f"{word}({shape(tensor)} {kind(tensor)}: empty)"
    if tensor.numel() <= MOST_CELLS:
        dtype = "" if tensor.dtype in USUAL_DTYPES else f", dtype={kind(tensor)}"
        return f"{word}({_cells(tensor.tolist(), write)}{dtype})"
    place = int(np.ravel_multi_index(index, tensor.shape)) if len(index) == tensor.ndim else 0
    three = ", ".join(write(value) for value in tensor.flatten()[place : place + 3].tolist())
    start = f"from {list(index)}: … " if place else ""
    return f"{word}({shape(tensor)} {kind(tensor)}: {start}{three}, …)"


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


def _cells(values: object, write: Written) -> str:
    if isinstance(values, list):
        return f"[{', '.join(_cells(value, write) for value in values)}]"
    return write(values)


def _describe_items(items: list | tuple | dict, write: Written, depth: int) -> str:
    """The first items, in the brackets of their container."""
    opening, closing = {list: ("[", "]"), tuple: ("(", ")"), dict: ("{", "}")}[type(items)]
    if depth == DEEPEST:
        return f"{opening}…{closing}"
    if isinstance(items, dict):
        pairs = list(items.items())[:MOST_ITEMS]
        parts = [f"{describe(key, write, depth + 1)}: {describe(value, write, depth + 1)}" for key, value in pairs]
    else:
        parts = [describe(value, write, depth + 1) for value in items[:MOST_ITEMS]]
    if len(items) > MOST_ITEMS:
        parts.append("…")
    comma = "," if type(items) is tuple and len(items) == 1 else ""
    return f"{opening}{', '.join(parts)}{comma}{closing}"
