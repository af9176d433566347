"""The checks of arguments that everything shares: each names the argument, what came and what is allowed."""

import operator
from collections.abc import Sequence

from torch import Tensor

Ints = int | Sequence[int]


def checked_int(name: str, value: int, least: int) -> int:
    """`value` as an int, or an error that names the argument."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be an int, got {value!r}")
    if operator.index(value) < least:
        raise ValueError(f"{name} must be ≥ {least}, got {value}")
    return operator.index(value)


def check_ints(least: int, **arguments: int) -> None:
    """Each named argument is an int ≥ `least`, or an error says which is not."""
    for name, value in arguments.items():
        checked_int(name, value, least)


def checked_ints(name: str, value: Ints, least: int, count: int) -> tuple[int, ...]:
    """One int for each of `count` axes."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return (checked_int(name, value, least),) * count
    if len(value) != count:
        raise ValueError(f"{name} must be an int or {count} ints, got {tuple(value)}")
    return tuple(checked_int(name, v, least) for v in value)


def axes_named(*arguments: object) -> int | None:
    """How many axes the arguments describe: the length of the longest sequence, or None without one."""
    lengths = [len(value) for value in arguments if isinstance(value, Sequence) and not isinstance(value, str)]
    return max(lengths, default=None)


def check_tensor(name: str, tensor: Tensor, dims: int) -> None:
    """`tensor` holds floats in `dims` dimensions, or an error says what it is."""
    if not isinstance(tensor, Tensor) or tensor.dim() != dims or not tensor.is_floating_point():
        got = f"{tensor.dtype} {tuple(tensor.shape)}" if isinstance(tensor, Tensor) else repr(tensor)
        raise ValueError(f"{name} must be a float tensor with {dims} dimensions, got {got}")


def check_same_kind(x: Tensor, **others: Tensor | None) -> None:
    """Each named tensor has the dtype and the device of `x`; None is skipped."""
    for name, tensor in others.items():
        if tensor is not None and (tensor.dtype, tensor.device) != (x.dtype, x.device):
            raise ValueError(f"{name} must be {x.dtype} on {x.device}, as x is, got {tensor.dtype} on {tensor.device}")
