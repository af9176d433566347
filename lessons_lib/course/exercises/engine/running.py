"""Run one function on one case and keep everything that came of it."""

import contextlib
import copy
import dis
import inspect
import io
import linecache
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lessons_lib.course.exercises.engine.describing import dense
from lessons_lib.course.exercises.engine.time_limit import TimeLimit, TimeLimitReached

MOST_PRINTED = 500  # letters that are kept of what a function prints


@dataclass(frozen=True)
class Raised:
    """An exception in words: its type, its message, the learner's own line and that line's text."""

    type: str
    message: str
    line: int | None = None
    source: str = ""
    is_stub: bool = False  # a plain `raise NotImplementedError` of the learner's own


@dataclass(eq=False)
class Outcome:
    """What one call did. `gradients` are None unless they were asked for and the call returned."""

    value: Any = None
    raised: Raised | None = None
    changed: tuple[str, ...] = ()
    printed: str = ""
    timed_out: bool = False
    gradients: dict[str, Tensor | None] | None = None
    needs_gradients: bool = False  # raised only when the inputs asked for gradients


def run(
    function: Callable[..., Any],
    case: Mapping[str, Any],
    gradients: bool = False,
    limit: TimeLimit | None = None,
    author: Callable[..., Any] | None = None,
) -> Outcome:
    """Call function with copies of the case's arguments, and once more for the gradients if asked for.

    Nothing escapes but a user's own interrupt. With a limit the call counts against it. author: the function or class
    that the learner wrote, where `function` only uses it.
    """
    outcome = Outcome()
    author = author or function
    inputs = copied(dict(case))
    outcome.value = _guarded(lambda: function(**inputs), author, outcome, limit)
    outcome.changed = tuple(name for name in case if not identical(inputs[name], case[name]))
    if inspect.iscoroutine(outcome.value) or inspect.isgenerator(outcome.value):
        outcome.value.close()  # a coroutine that nobody awaits would warn
    elif gradients and outcome.raised is None and not outcome.timed_out:
        outcome.gradients = _guarded(lambda: gradients_of(function, case), author, outcome, limit)
        outcome.needs_gradients = outcome.raised is not None
    return outcome


def _guarded(body: Callable[[], Any], function: Callable[..., Any], outcome: Outcome, limit: TimeLimit | None) -> Any:
    """What body, which calls the learner's function, returns; the outcome hears of anything else it does."""
    printed = Printed()
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            return limit.call(body) if limit else body()
    except TimeLimitReached:
        outcome.timed_out = True
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and (limit is None or limit.interrupted):
            raise
        outcome.raised = in_words(error, function)
    finally:
        outcome.printed = outcome.printed or printed.text()
    return None


def gradients_of(function: Callable[..., Any], case: Mapping[str, Any]) -> dict[str, Tensor | None]:
    """The gradient of each floating-point input, from the output projected on fixed random weights.

    None for an input that the output does not depend on.
    """
    inputs = copied(dict(case))
    leaves = {path: leaf.requires_grad_() for path, leaf in _float_tensors(inputs)}
    with torch.enable_grad():
        returned = function(**inputs)
        outputs = [output for _, output in _float_tensors({"": returned}) if output.requires_grad]
        if not outputs or not leaves:
            return dict.fromkeys(leaves)
        outputs = [output if output.layout is torch.strided else output.to_dense() for output in outputs]
        generator = torch.Generator().manual_seed(0)
        weights = [torch.randn(output.shape, generator=generator).to(output) for output in outputs]
        total = sum(((output * weight).sum() for output, weight in zip(outputs, weights, strict=True)), torch.zeros(()))
        found = torch.autograd.grad([total], list(leaves.values()), allow_unused=True)
    return dict(zip(leaves, found, strict=True))


def copied(value: Any, memo: dict[int, Any] | None = None) -> Any:
    """A deep copy; a tensor keeps its strides and offset, so a view stays a view of its own memory.

    memo: what is copied already. One for a whole case, so that an optimizer's copy still has its model's parameters.
    """
    memo = {} if memo is None else memo
    if isinstance(value, Tensor):
        if value.layout is not torch.strided or value.device.type == "meta":
            return value.detach().clone()
        empty = torch.empty(0, dtype=value.dtype, device=value.device)
        memory = value.untyped_storage().clone()
        return empty.set_(memory, value.storage_offset(), value.shape, value.stride())
    if type(value) in (list, tuple):
        return type(value)(copied(item, memo) for item in value)
    if type(value) is dict:
        return {key: copied(item, memo) for key, item in value.items()}
    return copy.deepcopy(value, memo)


def identical(one: Any, other: Any) -> bool:
    """Whether two values are the same to the last bit; NaN equals NaN. Models and optimizers may change."""
    if isinstance(one, (torch.nn.Module, torch.optim.Optimizer)):
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, Tensor):
        if one.shape != other.shape or one.dtype != other.dtype:
            return False
        return one.device.type == "meta" or torch.equal(_bits(one), _bits(other))
    if isinstance(one, np.ndarray):
        return one.shape == other.shape and one.dtype == other.dtype and one.tobytes() == other.tobytes()
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(identical, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(identical(one[key], other[key]) for key in one)
    return bool(one == other) or one != one


def _bits(tensor: Tensor) -> Tensor:
    return dense(tensor).contiguous().flatten().view(torch.uint8)


def _float_tensors(values: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """The floating-point tensors in a case or an output, each with its position: `x`, `weights[1]`."""
    for path, value in values.items():
        if isinstance(value, Tensor) and value.is_floating_point():
            yield path, value
        elif isinstance(value, (list, tuple)):
            yield from _float_tensors({f"{path}[{i}]": item for i, item in enumerate(value)})
        elif isinstance(value, dict):
            yield from _float_tensors({f"{path}[{key!r}]": item for key, item in value.items()})


def in_words(error: BaseException, function: Callable[..., Any]) -> Raised:
    """Describe an exception by the last line of the learner's own code that it passed through."""
    code = getattr(_written(function), "__code__", None)
    own: TracebackType | None = None
    last = error.__traceback__
    step = error.__traceback__
    while step is not None:
        last = step
        if code is not None and step.tb_frame.f_code.co_filename == code.co_filename:
            own = step
        step = step.tb_next
    try:
        message = str(error)[:MOST_PRINTED]
    except Exception:
        message = ""
    if own is None:
        return Raised(type(error).__name__, message)
    source = linecache.getline(own.tb_frame.f_code.co_filename, own.tb_lineno).strip()
    is_stub = isinstance(error, NotImplementedError) and own is last and _is_raise_statement(own)
    return Raised(type(error).__name__, message, own.tb_lineno, source, is_stub)


def _written(answer: Callable[..., Any]) -> Callable[..., Any]:
    """What holds the learner's code: the function under its decorators, or the first method of a class of hers."""
    methods = vars(answer).values() if inspect.isclass(answer) else ()
    return next(filter(inspect.isfunction, methods), inspect.unwrap(answer))


def _is_raise_statement(step: TracebackType) -> bool:
    """Whether the exception began at a raise statement here, not in compiled code called from here."""
    instructions = dis.get_instructions(step.tb_frame.f_code)
    return any(i.offset == step.tb_lasti and i.opname == "RAISE_VARARGS" for i in instructions)


class Printed(io.TextIOBase):
    """A stream that keeps the first MOST_PRINTED letters and counts the rest."""

    def __init__(self) -> None:
        self._kept = ""
        self._length = 0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._kept += text[: MOST_PRINTED - len(self._kept)]
        self._length += len(text)
        return len(text)

    def text(self) -> str:
        """What was printed, and how much more there was."""
        more = self._length - len(self._kept)
        return f"{self._kept}… (and {more} more characters)" if more else self._kept


@contextlib.contextmanager
def undisturbed(function: Callable[..., Any]) -> Iterator[None]:
    """Let a learner's function run without a trace in the notebook.

    Meanwhile its own name means itself, so that it may call itself, and exit() raises SystemExit instead of
    ending the kernel. Afterwards these names, the random generators and torch's gradient mode are as before.
    """
    names = getattr(_written(function), "__globals__", {})
    borrowed = {getattr(function, "__name__", "_"): function}
    borrowed |= {name: sys.exit for name in ("exit", "quit") if name in names}
    kept = {name: names[name] for name in borrowed if name in names}
    generators = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    grad = torch.is_grad_enabled()
    names.update(borrowed)
    try:
        yield
    finally:
        for name in borrowed:
            names.pop(name, None)
        names.update(kept)
        random.setstate(generators[0])
        np.random.set_state(generators[1])  # noqa: NPY002
        torch.set_rng_state(generators[2])
        torch.set_grad_enabled(grad)
