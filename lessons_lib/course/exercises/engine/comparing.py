"""What is wrong with a value, compared with the right one.

One value is one value: a Python number, a NumPy scalar and a tensor or array of shape () stand for each other,
but the kind counts: True is no whole number, and a whole number is fine where a decimal one is expected, not
the other way round. A list and a tuple stand for each other and are compared item by item, and so do a sparse
and a dense tensor. Whole numbers must be equal; decimal ones may be off by TOLERANCE times the largest
expected value, or times 1 if that is less than 1.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lessons_lib.course.exercises.engine.describing import dense, describe, describe_apart, kind

TOLERANCE = {
    torch.float64: 1e-9,
    torch.complex128: 1e-9,
    torch.float32: 1e-4,
    torch.complex64: 1e-4,
    torch.float16: 1e-2,
    torch.bfloat16: 5e-2,
}
NUMBER_TOLERANCE = 1e-5  # Python floats, which may have been computed in float32
KINDS = {bool: "True or False", int: "a whole number", float: "a decimal number"}


@dataclass(frozen=True, eq=False)
class Fault:
    """One way to be wrong: its kind, and a sentence that follows the call, `gave 5, expected 3.`

    kind: one of COMPARED where values were compared; time, raises, changed, not run, signature or gradient otherwise.
    expected, got, index: the two tensors and the first differing position, where an image can show them.
    advice: what to say where no mistake is recognised.
    """

    kind: str
    sentence: str
    expected: Tensor | None = None
    got: Tensor | None = None
    index: tuple[int, ...] = ()
    advice: str = ""


class Findings(dict):
    """What the trial of an answer has found, by a name that completes a sentence: `gave 3.0 for the loss`.

    Compared in order up to the first difference, so what comes later may be missing.
    """


COMPARED = ("none", "type", "length", "shape", "dtype", "device", "not finite", "values")
"""The kinds of fault that comparing two values can find."""


def mismatch(expected: Any, got: Any, where: str = "") -> Fault | None:
    """Compare what a function returned with what it should return; None if it is right.

    where: the position inside a list, " [1]", for the sentence. Raises TypeError for an expected value of a
    kind that no exercise can have.
    """
    if got is None and expected is not None:
        return Fault("none", f"returned None{_at(where)}, expected {describe(expected)}.")
    number = _as_number(expected)
    if number is not None:
        return _compare_numbers(number, expected, got, where)
    if isinstance(expected, (list, tuple)):
        return _compare_items(expected, got, where)
    if isinstance(expected, Findings):
        return _compare_findings(expected, got)
    if isinstance(expected, dict):
        return _compare_dicts(expected, got, where)
    if isinstance(expected, (Tensor, np.ndarray)):
        if not isinstance(got, Tensor if isinstance(expected, Tensor) else np.ndarray):
            return _wrong_type(expected, got, where)
        return _compare_tensors(torch.as_tensor(expected), torch.as_tensor(got), where)
    if expected is None or isinstance(expected, str):
        if type(got) is not type(expected):
            return _wrong_type(expected, got, where)
        return None if got == expected else _wrong_value(expected, got, where)
    raise TypeError(f"expected must be made of numbers, tensors, strings or lists of them, got {describe(expected)}")


def type_in_words(value: object) -> str:
    """`a whole number`, `a tensor of shape (3, 3)`, `a list`, …"""
    number = _as_number(value)
    if number is not None:
        return KINDS[type(number)]
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    words = {list: "a list", tuple: "a tuple", dict: "a dict", str: "a string", type(None): "None"}
    if type(value) in words:
        return words[type(value)]
    return "a NumPy array" if isinstance(value, np.ndarray) else f"an object of type {type(value).__name__}"


def _as_number(value: object) -> bool | int | float | None:
    """The Python number that a scalar stands for, or None for anything else."""
    if isinstance(value, Tensor) and value.shape == () and value.device.type != "meta":
        value = dense(value).item()
    elif isinstance(value, (np.ndarray, np.generic)) and value.shape == ():
        value = value.item()
    for number in (bool, int, float):  # bool first: it is an int too
        if isinstance(value, number):
            return number(value)
    return None


def _compare_numbers(right: bool | int | float, expected: Any, got: Any, where: str) -> Fault | None:
    value = _as_number(got)
    if value is None:
        return _wrong_type(expected, got, where)
    if type(value) is not type(right) and (type(value), type(right)) != (int, float):
        return _wrong_type(expected, got, where)
    if value == right or (value != value and right != right):  # the second: both are NaN
        return None
    if not isinstance(right, float):
        return _wrong_value(expected, got, where)
    if math.isfinite(right) and isinstance(value, float) and not math.isfinite(value):
        return replace(_wrong_value(expected, got, where), kind="not finite")
    if not math.isfinite(right):  # no tolerance is wide enough
        return _wrong_value(expected, got, where)
    dtypes = [number.dtype for number in (expected, got) if isinstance(number, Tensor)]
    tolerance = max([NUMBER_TOLERANCE, *(TOLERANCE.get(dtype, 0.0) for dtype in dtypes)])
    near = abs(value) < 1e300 and abs(value - right) <= tolerance * max(1.0, abs(right))
    return None if near else _wrong_value(expected, got, where)


def _compare_items(expected: list | tuple, got: Any, where: str) -> Fault | None:
    if not isinstance(got, (list, tuple)):
        return _wrong_type(expected, got, where)
    if len(got) != len(expected):
        sentence = f"returned {_count(len(got), 'item')}{_at(where)}, expected {len(expected)}."
        return Fault("length", sentence)
    pairs = enumerate(zip(expected, got, strict=True))
    return next(filter(None, (mismatch(right, item, f"{where}[{i}]") for i, (right, item) in pairs)), None)


def _compare_dicts(expected: dict, got: Any, where: str) -> Fault | None:
    if not isinstance(got, dict):
        return _wrong_type(expected, got, where)
    if set(got) != set(expected):
        sentence = f"returned the keys {describe(list(got))}{_at(where)}, expected {describe(list(expected))}."
        return Fault("length", sentence)
    return next(filter(None, (mismatch(expected[key], got[key], f"{where}[{key!r}]") for key in expected)), None)


def _compare_findings(expected: Findings, got: Any) -> Fault | None:
    if not isinstance(got, Findings):
        return _wrong_type(expected, got, "")
    for name, right in expected.items():
        if name not in got:
            names = f", only {', '.join(got)}" if got else ""
            return Fault("length", f"does not have {name}{names}.")
        fault = mismatch(right, got[name], f" for {name}")
        if fault:
            return fault
    more = [name for name in got if name not in expected]
    return Fault("length", f"has {more[0]}, which nobody asked for.") if more else None


def _compare_tensors(expected: Tensor, got: Tensor, where: str) -> Fault | None:
    at = _at(where)
    if got.shape != expected.shape:
        sentence = f"returned the shape {tuple(got.shape)}{at}, expected {tuple(expected.shape)}."
        on_cpu = got.device == expected.device
        return Fault("shape", sentence, dense(expected), dense(got) if on_cpu else None)
    if got.dtype != expected.dtype:
        return Fault("dtype", f"returned the dtype {kind(got)}{at}, expected {kind(expected)}.")
    if got.device != expected.device:
        return Fault("device", f"returned a tensor on {got.device}{at}, expected it on {expected.device}.")
    expected, got = dense(expected), dense(got)
    spoilt = expected.isfinite() & ~got.isfinite()
    if spoilt.any():
        index = _first(spoilt)
        sentence = f"has {_some(spoilt)} NaN or infinite{at}, the first at {list(index)}."
        return Fault("not finite", sentence, expected, got, index)
    wrong = _differs(expected, got, TOLERANCE.get(expected.dtype, 0.0))
    if wrong.any():
        index = _first(wrong)
        right, value = describe_apart(expected[index].item(), got[index].item())
        values = f"{value} instead of {right}"
        sentence = f"has {_some(wrong)} wrong{at}, the first at {list(index)}: {values}."
        return Fault("values", sentence, expected, got, index)
    return None


def _differs(expected: Tensor, got: Tensor, tolerance: float) -> Tensor:
    """Where two tensors of one shape and dtype differ by more than the tolerance."""
    same = (expected == got) | (expected.isnan() & got.isnan())
    if tolerance == 0:
        return ~same
    wide = torch.complex128 if expected.is_complex() else torch.float64
    finite = expected[expected.isfinite()].to(wide).abs()
    largest = max(1.0, finite.max().item()) if finite.numel() else 1.0
    return ~(same | ((expected.to(wide) - got.to(wide)).abs() <= tolerance * largest))


def _first(places: Tensor) -> tuple[int, ...]:
    return tuple(places.nonzero()[0].tolist())


def _some(places: Tensor) -> str:
    """`3 of 9 values`"""
    return f"{int(places.sum())} of {_count(places.numel(), 'value')}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _at(where: str) -> str:
    return where if where.startswith(" for ") else f" at {where}" if where else ""


def _wrong_type(expected: Any, got: Any, where: str) -> Fault:
    sentence = f"returned {type_in_words(got)}, {describe(got)}{_at(where)}, expected {type_in_words(expected)}"
    scalar = _as_number(expected) is not None or expected is None
    return Fault("type", f"{sentence}, {describe(expected)}." if scalar else f"{sentence}.")


def _wrong_value(expected: Any, got: Any, where: str) -> Fault:
    right, value = describe_apart(expected, got)
    return Fault("values", f"gave {value}{_at(where)}, expected {right}.")
