"""Classes as answers: their parameters, what they compute, their gradients, and that they learn."""

import pytest
import torch
from torch import nn

from lessons_lib.course.exercises.engine.building import built
from lessons_lib.course.exercises.engine.checking import check
from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.course.exercises.engine.notebook import library_version


class Head(nn.Module):
    """A 1 × 1 convolution with a bias, between two constants."""

    def __init__(self, channels, classes):
        super().__init__()
        self.score = nn.Conv2d(channels, classes, 1)

    def forward(self, x):
        return 2 * self.score(x)


def cases():
    generator = torch.Generator().manual_seed(0)
    return [
        {"channels": 2, "classes": 3, "x": torch.rand(1, 2, 2, 2, generator=generator)},
        {"channels": 1, "classes": 2, "x": torch.rand(2, 1, 3, 2, generator=generator)},
    ]


def loss(output):
    return (output - 1).square().mean()


def made(start=False):
    exercise = Exercise("99.1", "A head", Head, cases, ("one", "two"), trial=built(Head, loss, start))

    @exercise.flags(no_bias="No bias.", undoubled="Not doubled.", cut="Cut.", idle="Idle.")
    class WrongHead(nn.Module):
        def __init__(self, channels, classes, *, no_bias=False, undoubled=False, cut=False, idle=False):
            super().__init__()
            self.score = nn.Conv2d(channels, classes, 1, bias=not no_bias)
            self.undoubled, self.cut = undoubled, cut
            if idle:
                self.score.requires_grad_(False)

        def forward(self, x):
            y = self.score(x.detach() if self.cut else x)
            return y if self.undoubled else 2 * y

    return exercise


def fault(answer, start=False):
    result = check(made(start), answer)
    assert result.status == "not yet", result
    return result.failure


def variant(**changes):
    """Head with other methods."""
    return type("Variant", (Head,), changes)


class Renamed(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.head = nn.Conv2d(channels, classes, 1)

    def forward(self, x):
        return 2 * self.head(x)


class Stub(nn.Module):
    def __init__(self, channels, classes):
        raise NotImplementedError("your turn")


class NoInit(nn.Module):
    def __init__(self, channels, classes):
        self.score = nn.Conv2d(channels, classes, 1)


class OtherNames(nn.Module):
    def __init__(self, c, k):
        super().__init__()


class Transposed(Renamed):
    def __init__(self, channels, classes):
        nn.Module.__init__(self)
        self.score = nn.ConvTranspose2d(channels, classes, 1)


def test_a_right_class_passes_and_a_stub_was_not_attempted():
    assert check(made(), variant(forward=lambda self, x: self.score(x) + self.score(x))).status == "passed"
    assert check(made(), Stub).status == "not attempted"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Renamed, "does not have a parameter score.bias, only a parameter head.bias, a parameter head.weight."),
        (Transposed, "gave '2×3×1×1' for a parameter score.weight, expected '3×2×1×1'."),
        (variant(forward=lambda self, x: self.score(x)), "wrong for the output, the first at"),
        (variant(forward=lambda self, x: 2 * self.score(x.detach())), "gave False for a gradient that reaches x"),
        (variant(forward=lambda self, x: 2 * self.score(x).detach()), "gave False for a gradient that reaches x"),
        (variant(forward=lambda self, x: None), "raised AttributeError"),
        (NoInit, "raised AttributeError: cannot assign module before Module.__init__() call. In line"),
        (OtherNames, "does not fit your def line"),
        (lambda channels, classes: Head(channels, classes), "@exercise stands above a class line"),
        (dict, "the class must be an nn.Module"),
    ],
)
def test_each_way_to_be_wrong_has_its_sentence(answer, words):
    assert words in fault(answer).fault.sentence


def test_one_and_two_mistakes_are_named():
    exercise = made()
    for one in exercise.mistakes:
        assert check(exercise, lambda_of(one.function)).failure.mistake == one.message
    pairs = {pair.name: pair for pair in exercise.pairs()}
    found = check(exercise, lambda_of(pairs["undoubled+cut"].function)).failure.mistake
    assert found == pairs["undoubled+cut"].message


def lambda_of(make):
    """A class that makes what `make` makes."""

    class Made(nn.Module):
        def __new__(cls, channels, classes):
            return make(channels, classes)

        def __init__(self, channels, classes):
            super().__init__()

    return Made


def test_weights_that_cannot_move_do_not_learn():
    class Frozen(Head):
        def __init__(self, channels, classes):
            super().__init__(channels, classes)
            self.score.requires_grad_(False)

    assert "gave False for a gradient that reaches score.bias" in fault(Frozen).fault.sentence


def test_a_start_from_which_nothing_is_learned_is_seen():
    class Dead(nn.Module):
        def __init__(self, channels, classes):
            super().__init__()
            self.score = nn.Conv2d(channels, classes, 1)
            nn.init.constant_(self.score.bias, 1e6)

        forward = Head.forward

    assert fault(Dead).fault.sentence == "gave False for a loss that 30 steps halve, expected True."


def test_the_output_of_a_fresh_object_counts_where_the_exercise_says_so():
    class Zero(Head):
        def __init__(self, channels, classes):
            super().__init__(channels, classes)
            nn.init.zeros_(self.score.weight)

    assert check(made(), Zero).status == "passed"
    assert "for the output before any training" in fault(Zero, start=True).fault.sentence


def test_the_first_values_of_named_parameters_count():
    exercise = Exercise("99.2", "H", Head, cases, (), trial=built(Head, loss, start_values=("score.bias",)))

    class Ones(Head):
        def __init__(self, channels, classes):
            super().__init__(channels, classes)
            nn.init.ones_(self.score.bias)

    assert check(exercise, variant()).status == "passed"
    assert "wrong for the first value of score.bias" in check(exercise, Ones).failure.fault.sentence


def test_the_card_makes_the_object_and_calls_it():
    call = fault(variant(forward=lambda self, x: self.score(x))).call
    assert call.startswith("Variant(channels=2, classes=3)(x=tensor([[[[")


def test_the_name_becomes_the_librarys_class_with_the_learners_own_beside_it():
    found = library_version(made(), Renamed)
    assert issubclass(found, Head) and found.mine is Renamed and found.__name__ == "Head"
    assert not hasattr(Head, "mine")
    assert found(2, 3)(torch.ones(1, 2, 2, 2)).shape == (1, 3, 2, 2)


def test_nothing_outside_is_drawn_from():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    made().tried(Head)(**cases()[0])
    assert torch.equal(torch.get_rng_state(), before)
