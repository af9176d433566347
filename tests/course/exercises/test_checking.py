"""Every way to be wrong gets its own sentence; mistakes are recognised, not guessed."""

import sys
import time

import pytest
import torch

from lessons_lib.course.exercises.engine.checking import check
from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.course.exercises.engine.faults import CHANGED_MESSAGE, DETACHED_MESSAGE

SHIFT_MESSAGE = "This looks like a shift the other way round."


def shifted(x, by=1):
    """Add `by` to every value."""
    return x + by


def cases():
    generator = torch.Generator().manual_seed(0)
    wide = torch.randn(4, 9, generator=generator)
    return [{"x": torch.tensor([1.0, 2.0])}, {"x": wide[:, ::2], "by": 3}, {"x": wide.T, "by": -2}]


def exercise(gradients=False):
    made = Exercise("99.1", "Shift", shifted, cases, ("one", "two"), gradients)
    made.mistake(SHIFT_MESSAGE)(lambda x, by=1: x - by)
    made.mistake("Forgets by.")(lambda x, by=1: x + 1)
    made.mistake("Rounds.")(lambda x, by=1: (x + by).round())
    return made


def fault_of(function, gradients=False, seconds=20.0):
    result = check(exercise(gradients), function, seconds)
    assert result.status == "not yet", result.reason
    return result.failure.fault


def test_right_answers_pass():
    assert check(exercise(), lambda x, by=1: x + by).status == "passed"
    assert check(exercise(gradients=True), lambda x, by=1: x + by).status == "passed"
    assert check(exercise(), lambda x, by=1: (x.double() + by).float()).status == "passed"


def test_a_stub_was_not_attempted_but_half_an_answer_was():
    def stub(x, by=1):
        """Add."""
        raise NotImplementedError("your turn")

    def half(x, by=1):
        if by == 1:
            return x + 1
        raise NotImplementedError

    assert check(exercise(), stub).status == "not attempted"
    assert fault_of(half).kind == "raises"


def printed_only(x, by=1):
    print(x + by)


def forgets_return(x, by=1):
    x + by


def changes(x, by=1):
    x += by
    return x


def yields(x, by=1):
    yield x + by


async def waits(x, by=1):
    return x + by


def recurses(x, by=1):
    return recurses(x, by)


def leaves(x, by=1):
    sys.exit(3)


def interrupts(x, by=1):
    raise KeyboardInterrupt


def runs_out_of_memory(x, by=1):
    raise MemoryError


def divides(x, by=1):
    return x.tolist()[0] / 0


def sleeps(x, by=1):
    time.sleep(1000)


def prints_forever(x, by=1):
    while True:
        print("on and on")


def other_names(image, amount=1):
    return image + amount


def fewer_names(x):
    return x


@pytest.mark.parametrize(
    ("function", "kind", "words"),
    [
        (printed_only, "none", "Is there a return line? print shows a value, return hands it over."),
        (forgets_return, "none", "returned None, expected tensor([2.0, 3.0]). Is there a return line?"),
        (changes, "changed", "changed its input x in place."),
        (yields, "not run", "returned a generator, which has not run yet."),
        (waits, "not run", "returned a coroutine, which has not run yet."),
        (recurses, "raises", "raised RecursionError"),
        (leaves, "raises", "raised SystemExit: 3. In line "),
        (interrupts, "raises", "raised KeyboardInterrupt."),
        (runs_out_of_memory, "raises", "raised MemoryError."),
        (divides, "raises", "of your code: return x.tolist()[0] / 0"),
        (other_names, "signature", "does not fit your def line: "),
        (fewer_names, "signature", "unexpected keyword argument 'by'"),
        (lambda x, by=1: "text", "type", "returned a string, 'text', expected a tensor of shape (2,)."),
        (lambda x, by=1: (x + by)[:, None], "shape", "returned the shape (2, 1), expected (2,)."),
        (lambda x, by=1: (x + by).double(), "dtype", "returned the dtype float64, expected float32."),
        (lambda x, by=1: (x + by).to("meta"), "device", "on meta, expected it on cpu."),
        (lambda x, by=1: (x + by) / 0, "not finite", "has 2 of 2 values NaN or infinite"),
        (lambda x, by=1: x * 2, "values", "has 1 of 2 values wrong, the first at [1]: 4.0 instead of 3.0."),
    ],
)
def test_each_kind_of_failure_has_its_sentence(function, kind, words):
    fault = fault_of(function)
    assert fault.kind == kind
    assert words in fault.sentence


@pytest.mark.parametrize("function", [sleeps, prints_forever])
def test_what_does_not_end_is_a_failure_too(function):
    result = check(exercise(), function, seconds=0.5)
    assert result.failure.fault.kind == "time"
    assert result.failure.fault.sentence == "did not come to an end: all calls together have 0.5 seconds."
    assert result.failure.mistake == ""
    assert len(result.failure.printed) < 1000


def test_a_failure_before_the_endless_case_decides_the_card():
    def wrong_then_endless(x, by=1):
        while by != 1:
            pass
        return x

    failure = check(exercise(), wrong_then_endless, seconds=0.5).failure
    assert failure.fault.kind == "values"


def test_gradients_are_compared_when_asked_for():
    assert check(exercise(), lambda x, by=1: x.detach() + by).status == "passed"
    failure = check(exercise(gradients=True), lambda x, by=1: x.detach() + by).failure
    assert failure.fault.sentence == "has the right values, but no gradient flows back to x."
    assert failure.mistake == DETACHED_MESSAGE
    fault = fault_of(lambda x, by=1: x.detach() * 0.5 + x * 0.5 + by, gradients=True)
    assert fault.kind == "gradient"
    assert fault.sentence.startswith("has the right values, but the gradient of x is wrong: it has 2 of 2 values")
    fault = fault_of(lambda x, by=1: torch.from_numpy(x.numpy()) + by, gradients=True)
    assert "when its inputs asked for gradients" in fault.sentence


def test_a_change_in_place_is_named_also_where_torch_refuses_it():
    """With a gradient asked for, torch raises at `x += 1`; the fault is the change."""
    fault = fault_of(changes, gradients=True)
    assert fault.kind == "changed" and fault.sentence == "changed its input x in place."


def test_a_gradient_that_should_be_zero():
    made = Exercise("99.2", "Cut", lambda x, y: x, lambda: [{"x": torch.ones(2), "y": torch.ones(2)}], (), True)
    assert check(made, lambda x, y: x + 0 * y).status == "passed"
    assert check(made, lambda x, y: x + y - y.detach()).status == "not yet"


@pytest.mark.parametrize("slope", [[0.0, 2.0], [2.0, 0.0], [0.0, 0.0], [2.0, 2.0]])
def test_a_missing_gradient_is_a_fault_also_where_some_or_all_of_the_right_one_is_zero(slope):
    """relu and clamp have such gradients: a detached answer has the right values, and must not pass for that."""
    slope = torch.tensor(slope)
    made = Exercise("99.3", "Slope", lambda x: x * slope, lambda: [{"x": torch.ones(2)}], (), True)
    assert check(made, lambda x: slope * x).status == "passed"
    failure = check(made, lambda x: x.detach() * slope).failure
    assert failure.fault.sentence == "has the right values, but no gradient flows back to x."
    assert failure.mistake == DETACHED_MESSAGE


def test_nothing_has_no_gradient_to_miss():
    made = Exercise("99.4", "Empty", lambda x: x * 2, lambda: [{"x": torch.ones(0)}], (), True)
    assert check(made, lambda x: x.detach() * 2).status == "passed"


def test_only_a_case_that_fails_is_shown():
    failure = check(exercise(), lambda x, by=1: x + abs(by)).failure
    assert failure.call.startswith("<lambda>(x=tensor(9×4 float32: ")
    assert failure.call.endswith("by=-2)")
    assert failure.expected.startswith("tensor(9×4 float32: ")


def test_what_was_printed_belongs_to_the_failing_case():
    def f(x, by=1):
        print("by is", by)
        return x + abs(by)

    assert check(exercise(), f).failure.printed == "by is -2\n"


def test_a_mistake_is_recognised_by_its_outcomes():
    assert check(exercise(), lambda x, by=1: -(by - x)).failure.mistake == SHIFT_MESSAGE
    assert check(exercise(), lambda x, by=1: 1 + x).failure.mistake == "Forgets by."


def test_no_message_without_a_match_on_every_case():
    def like_the_shift_at_first(x, by=1):
        return x - by if by == 1 else x * 7

    assert check(exercise(), like_the_shift_at_first).failure.mistake == ""


def test_a_mistake_that_raises_is_recognised_by_the_exception():
    made = exercise()

    @made.mistake("Cannot count down.")
    def raises_below_zero(x, by=1):
        if by < 0:
            raise ValueError
        return x + by

    def the_learners(x, by=1):
        return x + by if by > 0 else int("no number")

    assert check(made, the_learners).failure.mistake == "Cannot count down."
    assert check(made, lambda x, by=1: x + by if by > 0 else None).failure.mistake == ""


def test_changing_an_input_is_recognised_by_itself():
    assert check(exercise(), changes).failure.mistake == CHANGED_MESSAGE


def test_lists_are_shown_whole():
    made = Exercise("99.3", "Pairs", lambda n: [n, n + 1], lambda: [{"n": 1}], ())
    failure = check(made, lambda n: (n, n)).failure
    assert (failure.expected, failure.got) == ("[1, 2]", "(1, 1)")
    assert failure.fault.sentence == "gave 1 at [1], expected 2."


def test_odd_objects_get_a_card():
    class Odd:
        def __repr__(self):
            raise RuntimeError

        __eq__ = __len__ = __iter__ = __bool__ = __repr__

    assert fault_of(lambda x, by=1: Odd()).kind == "type"
    assert fault_of(42).kind == "signature"
    assert fault_of(Odd).kind == "signature"
    assert fault_of(len).kind == "signature"


def test_a_broken_graph_is_the_learners_failure():
    def breaks(x, by=1):
        doubled = x.exp()
        result = doubled.exp() * 0 + x + by
        doubled.zero_()
        return result

    assert "when its inputs asked for gradients" in fault_of(breaks, gradients=True).sentence


def test_a_fault_of_the_course_is_said_to_be_one():
    def broken(x, by=1):
        raise ValueError

    made = Exercise("99.4", "Broken", broken, cases, ())
    result = check(made, shifted)
    assert result.status == "unchecked"
    assert result.reason == "RuntimeError: the oracle of 99.4 raised ValueError"


def test_a_learner_cannot_reach_the_cases_or_the_library():
    made = exercise()
    kept = made.cases()
    made.cases = lambda: kept
    check(made, changes)
    assert torch.equal(kept[0]["x"], torch.tensor([1.0, 2.0]))
