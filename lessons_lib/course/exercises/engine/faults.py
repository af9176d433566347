"""What is wrong with one outcome of an answer, and whether two outcomes are the same."""

import inspect
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from lessons_lib.course.exercises.engine.comparing import Fault, mismatch
from lessons_lib.course.exercises.engine.running import Outcome, Raised

CHANGED_MESSAGE = (
    "Changing an input in place also changes it for whoever called the function. "
    "Work on a copy, such as x.clone(), or use the operations without a trailing underscore."
)
DETACHED_MESSAGE = (
    ".item(), .detach(), .numpy(), .tolist(), torch.tensor() and torch.no_grad() each cut the path that gradients take."
)
RAISED_ADVICE = {
    "does not require grad": DETACHED_MESSAGE,
    "modified by an inplace operation": "Something was changed in place between its use and backward(), as by "
    "optimizer.step() before loss.backward(), or by x += … on a value that is needed again.",
}
GRADIENT_ADVICE = "These are the gradients of the sum of all outputs, each times a fixed random weight."


def find_fault(expected: Outcome, got: Outcome, seconds: float | int) -> Fault | None:
    """The first thing that is wrong with an outcome, in the order in which a learner would mend them."""
    if got.timed_out:
        return Fault("time", f"did not come to an end: all calls together have {seconds:g} seconds.")
    if got.raised and not (got.needs_gradients and got.changed):  # torch refuses to change what needs a gradient
        advice = next((said for words, said in RAISED_ADVICE.items() if words in got.raised.message), "")
        return Fault("raises", _raised_sentence(got.raised, got.needs_gradients), advice=advice)
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
    return _same_gradients(mistake.gradients or {}, got.gradients or {})


def _same_gradients(one: Mapping[str, Tensor | None], other: Mapping[str, Tensor | None]) -> bool:
    """Whether all gradients agree; one that does not exist is like one of zeros."""
    for name in one.keys() | other.keys():
        left, right = one.get(name), other.get(name)
        known = left if left is not None else right
        if known is None:
            continue
        nothing = torch.zeros_like(known)
        if mismatch(nothing if left is None else left, nothing if right is None else right) is not None:
            return False
    return True


def is_cut(expected: Outcome, got: Outcome) -> bool:
    """Whether a gradient that should be there, zero or not, is missing."""
    right, found = expected.gradients or {}, got.gradients or {}
    return any(value is not None and value.numel() and found.get(name) is None for name, value in right.items())


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
