"""Check a learner's answer on every case, choose the case to show, and recognise the mistake."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch

from lessons_lib.course.exercises.engine.comparing import COMPARED, Fault, Findings, mismatch
from lessons_lib.course.exercises.engine.describing import constructor_arguments, describe_apart, describe_call
from lessons_lib.course.exercises.engine.exercise import TWO_MISTAKES, Exercise, Mistake
from lessons_lib.course.exercises.engine.faults import (
    CHANGED_MESSAGE,
    DETACHED_MESSAGE,
    behaves_like,
    find_fault,
    is_cut,
)
from lessons_lib.course.exercises.engine.running import Outcome, run, undisturbed
from lessons_lib.course.exercises.engine.time_limit import TimeLimit

SECONDS = 20.0  # for all calls of one check together


@dataclass(frozen=True, eq=False)
class Failure:
    """The failing case that the card shows; `mistake` is empty unless it was recognised."""

    call: str
    fault: Fault
    expected: str = ""
    got: str = ""
    printed: str = ""
    mistake: str = ""


@dataclass(frozen=True, eq=False)
class Result:
    """What a check found. `unchecked` means that the course itself is at fault, and `reason` says why."""

    status: Literal["passed", "not attempted", "not yet", "unchecked"]
    failure: Failure | None = None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Trial:
    """One case with what came of it, rightly and from the learner; fault is None where they agree."""

    case: dict[str, Any]
    expected: Outcome
    got: Outcome
    fault: Fault | None


def check(exercise: Exercise, function: Any, seconds: float | int = SECONDS) -> Result:
    """Compare a learner's answer with the exercise's oracle on every case, in at most `seconds`.

    Nothing that the answer does escapes, except a user's own interrupt (KeyboardInterrupt). Off the main
    thread there is no time limit.
    """
    try:
        cases = exercise.cases()
        for case in cases:
            unfit = _unfit(exercise, function, case)
            if unfit:
                return Result("not yet", Failure(describe_call(function, case), unfit))
        with undisturbed(function):
            right = [run(exercise.tried(exercise.oracle), case, exercise.gradients) for case in cases]
            with TimeLimit(seconds) as limit:  # after the oracle: what it imports costs the learner no time
                return _check_cases(exercise, function, list(zip(cases, right, strict=True)), limit)
    except Exception as error:
        return Result("unchecked", reason=f"{type(error).__name__}: {error}")


def _check_cases(
    exercise: Exercise, function: Callable[..., Any], cases: list[tuple[dict[str, Any], Outcome]], limit: TimeLimit
) -> Result:
    trials: list[Trial] = []
    for case, expected in cases:
        if expected.raised:
            raise RuntimeError(f"the oracle of {exercise.id} raised {expected.raised.type}")
        got = run(exercise.tried(function), case, exercise.gradients, limit, function)
        trials.append(Trial(case, expected, got, find_fault(expected, got, limit.seconds)))
        if got.timed_out:
            break
    failed = [trial for trial in trials if trial.fault]
    if not failed:
        return Result("passed")
    if all(trial.got.raised and trial.got.raised.is_stub for trial in trials):
        return Result("not attempted")
    shown = min(failed, key=_reading_order)
    failure = _failure(function, shown)
    message = "" if trials[-1].got.timed_out else recognise(exercise, trials)
    return Result("not yet", replace(failure, mistake=message or failure.fault.advice))


def _reading_order(trial: Trial) -> tuple[bool, bool, int, float]:
    """The smallest case says most; one that is empty, or right but for its gradient, only where nothing else fails."""
    count, total, empty = extent(trial.case)
    return trial.fault is not None and trial.fault.kind == "gradient", empty, count, total


def extent(value: Any) -> tuple[int, float, bool]:
    """How much there is to read in a case: values, the sum of its plain numbers, and whether something is empty."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        count = math.prod(value.shape)
        return count, 0.0, count == 0
    if isinstance(value, (list, tuple, dict)):
        parts = [extent(item) for item in (value.values() if isinstance(value, dict) else value)]
        empty = not parts or any(part[2] for part in parts)
        return sum(part[0] for part in parts), sum((part[1] for part in parts), 0.0), empty
    return 1, float(abs(value)) if isinstance(value, (int, float)) and math.isfinite(value) else 0.0, False


def recognise(exercise: Exercise, trials: list[Trial]) -> str:
    """The message of the known mistake that does the same in every case, alone or with a second one; "" if none does.

    Two that raise everywhere would explain every crash, so a pair must also return something wrong. Last it is asked
    whether a known mistake explains the values, and a cut gradient or a changed input comes on top.
    """
    for mistake in exercise.mistakes:
        if all(behaves_like(_run(exercise, mistake, trial), trial.got) for trial in trials):
            return mistake.message
    returned = [trial for trial in trials if trial.fault and not trial.got.raised]
    for pair in exercise.pairs() if returned else ():
        if all(behaves_like(_run(exercise, pair, trial), trial.got) for trial in trials):
            return pair.message
    advice = CHANGED_MESSAGE if any(trial.got.changed for trial in trials) else ""
    advice = advice or (DETACHED_MESSAGE if any(is_cut(trial.expected, trial.got) for trial in trials) else "")
    for mistake in exercise.mistakes if advice and returned else ():
        if all(mismatch(_run(exercise, mistake, trial).value, trial.got.value) is None for trial in trials):
            return TWO_MISTAKES.format(mistake.message, advice)
    return ""


def _run(exercise: Exercise, mistake: Mistake, trial: Trial) -> Outcome:
    return run(exercise.tried(mistake.function), trial.case, exercise.gradients)


def _unfit(exercise: Exercise, function: Any, case: Mapping[str, Any]) -> Fault | None:
    """What keeps the decorated thing from being used as the exercise uses it."""
    wanted = inspect.isclass(exercise.oracle)
    if not callable(function) or inspect.isclass(function) != wanted:
        line, other = ("class", "class") if wanted else ("def", "function")
        return Fault("signature", f"cannot be tried: @exercise stands above a {line} line, and this is no {other}.")
    if wanted and not issubclass(function, torch.nn.Module):
        return Fault("signature", "cannot be tried: the class must be an nn.Module, as in class Name(nn.Module).")
    arguments = constructor_arguments(exercise.oracle) if wanted else list(case)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some compiled functions have none
        return None
    try:
        signature.bind(**{name: case[name] for name in arguments if name in case})
    except TypeError as error:
        sentence = f"does not fit your def line: {error}. Keep the names and their order as they were given."
        return Fault("signature", sentence)
    return None


def _failure(function: Callable[..., Any], trial: Trial) -> Failure:
    """The card's facts. Where the sentence already holds both values, they are not said again."""
    fault, right, value = trial.fault, trial.expected.value, trial.got.value
    assert fault is not None
    if fault.kind == "gradient" or isinstance(right, Findings):
        right, value = fault.expected, fault.got
    shown = fault.kind in (*COMPARED, "gradient") and isinstance(right, (torch.Tensor, list, tuple, dict))
    call = describe_call(function, trial.case)
    if not shown or value is None:
        return Failure(call, fault, printed=trial.got.printed)
    return Failure(call, fault, *describe_apart(right, value, fault.index), trial.got.printed)
