"""Which case a card shows, and which mistakes it names: one, two at once, and one with a gradient cut on top."""

import math

import pytest
import torch

from lessons_lib.course.exercises.engine.card import Card
from lessons_lib.course.exercises.engine.checking import check, extent
from lessons_lib.course.exercises.engine.comparing import Findings, mismatch
from lessons_lib.course.exercises.engine.exercise import TWO_MISTAKES, Exercise
from lessons_lib.course.exercises.engine.faults import CHANGED_MESSAGE, DETACHED_MESSAGE

UP, HALF, SIGN = "Counts up.", "Takes half.", "Turns the sign."


def scaled(x, by=2):
    return x * by


def made(gradients=False, cases=None):
    cases = cases or [{"x": torch.arange(6.0)}, {"x": torch.tensor([3.0, 4.0]), "by": 5}]
    exercise = Exercise("99.1", "Scale", scaled, lambda: cases, ("one", "two"), gradients)

    @exercise.flags(up=UP, half=HALF, sign=SIGN)
    def wrong(x, by=2, *, up=False, half=False, sign=False):
        return (-1 if sign else 1) * x * (by / 2 if half else by) + up

    return exercise


def named(exercise, function):
    result = check(exercise, function)
    assert result.status == "not yet", result.reason
    return result.failure.mistake


def test_flags_become_mistakes_and_pairs():
    exercise = made()
    assert [(one.name, one.message) for one in exercise.mistakes] == [("up", UP), ("half", HALF), ("sign", SIGN)]
    assert [one.name for one in exercise.pairs()] == ["up+half", "up+sign", "half+sign"]


def test_one_mistake_and_two_at_once_are_named_and_three_are_not():
    assert named(made(), lambda x, by=2: by * x + 1) == UP
    assert named(made(), lambda x, by=2: by * x / 2 + 1) == TWO_MISTAKES.format(UP, HALF)
    assert named(made(), lambda x, by=2: -by * x / 2) == TWO_MISTAKES.format(HALF, SIGN)
    assert named(made(), lambda x, by=2: 1 - by * x / 2) == ""


def test_flags_and_messages_must_have_the_same_names():
    with pytest.raises(ValueError, match=r"^the keyword-only arguments must be \['a'\], got \['b'\]$"):
        made().flags(a="A.")(lambda x, *, b=False: x)


def test_two_mistakes_that_only_crash_explain_no_crash():
    exercise = Exercise("99.2", "Crash", scaled, lambda: [{"x": torch.ones(2)}, {"x": torch.ones(3)}], ())

    @exercise.flags(a="A.", b="B.")
    def wrong(x, by=2, *, a=False, b=False):
        return torch.ones(5) + torch.ones(4) if a and b else x * by + a - b

    assert named(exercise, lambda x, by=2: torch.ones(2) @ torch.ones(7)) == ""


def test_a_cut_gradient_and_a_changed_input_are_named_beside_the_mistake():
    assert named(made(gradients=True), lambda x, by=2: x.detach() * by + 1) == TWO_MISTAKES.format(UP, DETACHED_MESSAGE)

    def changes(x, by=2):
        x *= by
        return x + 1

    assert named(made(), changes) == TWO_MISTAKES.format(UP, CHANGED_MESSAGE)


def test_the_smallest_failing_case_is_shown():
    call = check(made(), lambda x, by=2: x).failure.call
    assert call == "<lambda>(x=tensor([3.0, 4.0]), by=5)"  # two values, though it comes second


def test_an_empty_case_is_shown_only_where_nothing_else_fails():
    cases = [{"x": torch.zeros(0)}, {"x": torch.ones(3)}]
    assert "[1.0, 1.0, 1.0]" in check(made(cases=cases), lambda x, by=2: x.double()).failure.call
    call = check(made(cases=cases), lambda x, by=2: x * by if len(x) else None).failure.call
    assert "0 float32: empty" in call


def test_a_wrong_value_is_shown_before_a_wrong_gradient():
    cases = [{"x": torch.ones(1)}, {"x": torch.tensor([2.0, 3.0])}]
    failure = check(made(gradients=True, cases=cases), lambda x, by=2: 2 * x**2).failure
    assert failure.fault.kind == "values" and "[2.0, 3.0]" in failure.call


@pytest.mark.parametrize(
    ("case", "found"),
    [
        ({"size": 4, "padding": -1}, (2, 5.0, False)),
        ({"x": torch.ones(2, 3), "factor": 2}, (7, 2.0, False)),
        ({"layers": [(3, 1, 1), (2, 2, 0)]}, (6, 9.0, False)),
        ({"layers": [], "k": 1}, (1, 1.0, True)),
        ({"x": torch.ones(0, 3), "name": "a", "none": None}, (2, 0.0, True)),
        ({"x": float("inf")}, (1, 0.0, False)),
    ],
)
def test_how_much_there_is_to_read(case, found):
    assert extent(case) == found


def test_a_finite_number_is_never_infinite():
    infinite = Exercise("99.3", "Log", lambda x: x.log(), lambda: [{"x": torch.tensor(0.0)}], ())
    infinite.mistake("The loss is infinite.")(lambda x: torch.tensor(float("inf")))
    finite = Exercise("99.4", "Log", lambda x: x, lambda: [{"x": torch.tensor(0.0)}], ())
    finite.mistake("The loss is infinite.")(lambda x: torch.tensor(float("inf")))
    assert check(infinite, lambda x: (x + 1e-12).log()).status == "not yet"
    assert named(finite, lambda x: torch.tensor(27.6)) == ""
    assert mismatch(math.inf, 1e308).kind == "values"
    assert mismatch(torch.tensor([math.inf]), torch.tensor([3e38])).kind == "values"
    assert mismatch(-math.inf, math.inf).kind == "values"


def test_expected_and_got_differ_in_print():
    tensors = Exercise("99.6", "Third", lambda x: x / 3, lambda: [{"x": torch.ones(1).double()}], ())
    failure = check(tensors, lambda x: x / 3 - 3e-8).failure
    assert "0.333333303 instead of 0.333333333" in failure.fault.sentence
    assert failure.expected != failure.got


def test_a_trial_uses_the_answer_and_names_what_it_found():
    def twice(answer):
        return lambda x: Findings({"the first call": answer(x), "the second call": answer(answer(x))})

    made = Exercise("99.7", "Again", lambda x: -x, lambda: [{"x": torch.tensor([1.0, 2.0])}], (), trial=twice)
    assert check(made, lambda x: 0 - x).status == "passed"
    failure = check(made, lambda x: -x.abs()).failure
    assert failure.fault.sentence.startswith("has 2 of 2 values wrong for the second call, the first at [0]: -1.0")
    assert failure.call == "<lambda>(x=tensor([1.0, 2.0]))"
    assert failure.expected == "tensor([1.0, 2.0])"
    text = repr(Card("99.7", "Again", "f", check(made, lambda x: 1 / 0)))
    assert "raised ZeroDivisionError" in text and "In line" in text


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (lambda w: w.detach().sum().backward(), DETACHED_MESSAGE),
        (lambda w: in_place(w).backward(), "as by optimizer.step() before loss.backward()"),
    ],
)
def test_two_errors_of_backward_are_explained(step, words):
    made = Exercise("99.9", "Back", lambda w: None, lambda: [{"w": torch.ones(2)}], (), trial=trainable)
    assert words in check(made, step).failure.mistake


def trainable(answer):
    return lambda w: answer(w.requires_grad_().clone())


def in_place(w):
    loss = w.square().sum()
    w.data += 1
    w.add_(1)
    return loss


def test_findings_are_compared_in_order():
    right = Findings({"a": 1, "b": 2})
    assert mismatch(right, Findings({"b": 2, "a": 1})) is None
    assert mismatch(right, Findings({"b": 3})).sentence == "does not have a, only b."
    assert mismatch(right, Findings({"a": 0})).sentence == "gave 0 for a, expected 1."
    assert mismatch(right, Findings({"a": 1, "b": 2, "c": 3})).sentence == "has c, which nobody asked for."
    assert mismatch(right, {"a": 1, "b": 2}).kind == "type"


def test_a_model_and_its_optimizer_are_copied_together_and_may_change():
    layer = torch.nn.Linear(1, 1)
    case = {"layer": layer, "optimizer": torch.optim.SGD(layer.parameters(), 0.1)}
    before = layer.weight.detach().clone()

    def step(answer):
        def use(layer, optimizer):
            answer(layer, optimizer)
            return layer.weight.detach()

        return use

    def right(layer, optimizer):
        layer(torch.ones(1)).sum().backward()
        optimizer.step()

    made = Exercise("99.8", "Step", right, lambda: [case], (), trial=step)
    assert check(made, right).status == "passed"
    assert check(made, lambda layer, optimizer: None).failure.fault.kind == "values"
    assert torch.equal(layer.weight, before)
