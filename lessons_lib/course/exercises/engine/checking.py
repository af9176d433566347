"""Check a learner's function: find the first case that fails, say how, and recognise the mistake."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch

from lessons_lib.course.exercises.engine.comparing import COMPARED, Fault, mismatch
from lessons_lib.course.exercises.engine.describing import describe, describe_call, function_name
from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.course.exercises.engine.running import Outcome, Raised, run, undisturbed
from lessons_lib.course.exercises.engine.time_limit import TimeLimit

SECONDS = 20.0  # for all calls of one check together

CHANGED_MESSAGE = (
    "Changing an input in place also changes it for whoever called the function. "
    "Work on a copy, such as x.clone(), or use the operations without a trailing underscore."
)
DETACHED_MESSAGE = (
    ".item(), .detach(), .numpy(), .tolist(), torch.tensor() and torch.no_grad() each cut the path that gradients take."
)
GRADIENT_ADVICE = "These are the gradients of the sum of all outputs, each times a fixed random weight."


@dataclass(frozen=True, eq=False)
class Failure:
    """The first failing case as the card shows it; `mistake` is empty unless it was recognised."""

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


def check(exercise: Exercise, function: Any, seconds: float | int = SECONDS) -> Result:
    """Compare a learner's function with the exercise's oracle on every case, in at most `seconds`.

    Nothing that the function does escapes, except a user's own interrupt (KeyboardInterrupt). Off the main
    thread there is no time limit.
    """
    try:
        cases = exercise.cases()
        for case in cases:
            unfit = _unfit(function, case)
            if unfit:
                return Result("not yet", Failure(describe_call(function_name(function), case), unfit))
        with undisturbed(function), TimeLimit(seconds) as limit:
            return _check_cases(exercise, function, cases, limit)
    except Exception as error:
        return Result("unchecked", reason=f"{type(error).__name__}: {error}")


def _check_cases(
    exercise: Exercise, function: Callable[..., Any], cases: list[dict[str, Any]], limit: TimeLimit
) -> Result:
    failure: Failure | None = None
    attempted = False
    suspects = list(exercise.mistakes)
    for case in cases:
        expected = run(exercise.oracle, case, exercise.gradients)
        if expected.raised:
            raise RuntimeError(f"the oracle of {exercise.id} raised {expected.raised.type}")
        got = run(function, case, exercise.gradients, limit)
        attempted = attempted or not (got.raised and got.raised.is_stub)
        fault = find_fault(expected, got, limit.seconds) if failure is None else None
        if fault:
            failure = _failure(function, case, fault, expected, got)
        if got.timed_out:
            suspects = []
            break
        suspects = [one for one in suspects if behaves_like(run(one.function, case, exercise.gradients), got)]
    if failure is None:
        return Result("passed")
    if not attempted:
        return Result("not attempted")
    message = suspects[0].message if suspects else failure.fault.advice
    return Result("not yet", replace(failure, mistake=message))


def find_fault(expected: Outcome, got: Outcome, seconds: float | int = SECONDS) -> Fault | None:
    """The first thing that is wrong with an outcome, in the order in which a learner would mend them."""
    if got.timed_out:
        return Fault("time", f"did not come to an end: all calls together have {seconds:g} seconds.")
    if got.raised:
        return Fault("raises", _raised_sentence(got.raised, got.needs_gradients))
    if got.changed:
        sentence = f"changed its input {' and '.join(got.changed)} in place."
        return Fault("changed", sentence, advice=CHANGED_MESSAGE)
    generator = _generator_fault(got.value)
    if generator:
        return generator
    found = mismatch(expected.value, got.value)
    if found is None:
        return _gradient_fault(expected, got)
    if found.kind == "none":
        more = " print shows a value, return hands it over." if got.printed else ""
        return replace(found, sentence=f"{found.sentence} Is there a return line?{more}")
    return found


def behaves_like(mistake: Outcome, got: Outcome) -> bool:
    """Whether a learner's outcome is the outcome of a known mistake."""
    if mistake.raised or got.raised:
        return mistake.raised is not None and got.raised is not None and mistake.raised.type == got.raised.type
    if mistake.changed != got.changed or _generator_fault(got.value):
        return False
    if mismatch(mistake.value, got.value) is not None:
        return False
    return _gradient_fault(mistake, got) is None and _gradient_fault(got, mistake) is None


def _unfit(function: object, case: Mapping[str, Any]) -> Fault | None:
    """What keeps the decorated thing from being called as the exercise calls it."""
    if not callable(function) or inspect.isclass(function):
        return Fault("signature", "cannot be tried: @exercise stands above a def line, and this is no function.")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some compiled functions have none
        return None
    try:
        signature.bind(**case)
    except TypeError as error:
        sentence = f"does not fit your def line: {error}. Keep the names and their order as they were given."
        return Fault("signature", sentence)
    return None


def _raised_sentence(raised: Raised, needs_gradients: bool) -> str:
    message = f"{raised.type}: {raised.message}" if raised.message else raised.type
    place = f" In line {raised.line} of your code: {raised.source}" if raised.line else ""
    when = " when its inputs asked for gradients" if needs_gradients else ""
    return f"raised {message.rstrip('.')}{when}.{place}"


def _generator_fault(value: object) -> Fault | None:
    """A function with yield or async returns something that has not run at all."""
    if inspect.iscoroutine(value):
        return Fault("not run", "returned a coroutine, which has not run yet. Begin the line with def, not async def.")
    if inspect.isgenerator(value):
        return Fault("not run", "returned a generator, which has not run yet. Use return where it says yield.")
    return None


def _gradient_fault(expected: Outcome, got: Outcome) -> Fault | None:
    """The first input whose gradient is missing or wrong although the values are right."""
    for name, right in (expected.gradients or {}).items():
        found = (got.gradients or {}).get(name)
        if found is None:
            if right is not None and right.numel():  # also where it is zero: the path is cut all the same
                sentence = f"has the right values, but no gradient flows back to {name}."
                return Fault("gradient", sentence, advice=DETACHED_MESSAGE)
            continue
        difference = mismatch(torch.zeros_like(found) if right is None else right, found)
        if difference:
            what = difference.sentence.replace("returned", "has")
            sentence = f"has the right values, but the gradient of {name} is wrong: it {what}"
            return replace(difference, kind="gradient", sentence=sentence, advice=GRADIENT_ADVICE)
    return None


def _failure(
    function: Callable[..., Any], case: Mapping[str, Any], fault: Fault, expected: Outcome, got: Outcome
) -> Failure:
    """The card's facts. Where the sentence already holds both values, they are not said again."""
    right, value = expected.value, got.value
    if fault.kind == "gradient":
        right, value = fault.expected, fault.got
    shown = fault.kind in (*COMPARED, "gradient") and isinstance(right, (torch.Tensor, list, tuple, dict))
    call = describe_call(function_name(function), case)
    if not shown or value is None:
        return Failure(call, fault, printed=got.printed)
    return Failure(call, fault, describe(right), describe(value), got.printed)
