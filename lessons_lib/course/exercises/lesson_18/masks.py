"""Lesson 18, exercises 1 and 2: the competition of the positions for a mask, and how large a mask can then be."""

import math

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.models.instance.inhibition import most_pixels as library_most_pixels
from lessons_lib.models.instance.inhibition import spatial_inhibition

# 18.1


def inhibition_cases():
    """Two positions by hand, a batch, a strided view, and logits so far apart that a softmax is exactly 0."""
    generator = torch.Generator().manual_seed(18)

    def logits(*shape):
        return 2 * torch.randn(*shape, generator=generator, dtype=torch.float64)

    def b(value):
        return torch.tensor(value, dtype=torch.float64)

    far = torch.tensor([[[0.0, 900.0], [-900.0, 899.0]]], dtype=torch.float64)
    return [
        {"logits": torch.tensor([[[0.0, 1.0]]], dtype=torch.float64), "bias": b(0.5)},
        {"logits": logits(3, 4, 5), "bias": b(1.7)},
        {"logits": logits(2, 6, 3).transpose(1, 2), "bias": b(-0.4)},
        {"logits": far, "bias": b(2.0)},
    ]


INHIBIT = Exercise(
    "18.1",
    "Spatial inhibition",
    difficulty=2,
    minutes=15,
    oracle=spatial_inhibition,
    cases=inhibition_cases,
    gradients=True,
    hints=(
        "Three steps, in this order: a log-softmax over all positions of a map, plus the bias, a sigmoid.",
        "A softmax over two axes is one over a single axis of the flattened map: logits.flatten(1) is (B, H · W).",
        "log_softmax(1) of the flat map never takes the logarithm of 0; then + bias, .sigmoid(), and "
        ".reshape(logits.shape).",
    ),
)


@INHIBIT.model
def inhibit(logits, bias):
    log_p = logits.flatten(1).log_softmax(1)  # (B, H*W): all positions of a map compete
    return (log_p + bias).sigmoid().reshape(logits.shape)


@INHIBIT.flags(
    softmax="This looks like a softmax without its logarithm. Its values sum to 1 over the whole map, so after the "
    "sigmoid nearly every position says the same: take log_softmax.",
    rows="This looks like a softmax over one axis: each row has a winner of its own. All positions of a map compete.",
    batch="This looks like a softmax over the batch too. The images know nothing of each other: each map has its own.",
    no_competition="This looks like a sigmoid of logit + b without the log-softmax: no position holds another back.",
    cancels="This looks like a b without effect: added before the softmax it cancels. Add it to the log-softmax.",
    minus="This looks like − b. It is added: the larger b, the larger a mask may be.",
    no_sigmoid="This looks like p · eᵇ, without the sigmoid. It can be more than 1; the mask is p·eᵇ / (1 + p·eᵇ).",
    log_of_zero="This looks like the logarithm of a softmax, in two steps. Where logits lie far apart the softmax is "
    "exactly 0, its logarithm −∞ and the gradient NaN: log_softmax does both at once.",
)
def wrong_inhibition(logits, bias, *, softmax=False, rows=False, batch=False, no_competition=False, cancels=False,
                     minus=False, no_sigmoid=False, log_of_zero=False):  # fmt: skip
    z = logits if rows else logits.reshape(1, -1) if batch else logits.flatten(1)
    p = z.softmax(-1)
    log_p = z if no_competition else p if softmax else p.log() if log_of_zero else z.log_softmax(-1)
    log_p = log_p + (0 * bias if cancels else -bias if minus else bias)
    return (log_p.exp() if no_sigmoid else log_p.sigmoid()).reshape(logits.shape)


@INHIBIT.mistake(
    "This looks like the softmax itself. It sums to 1 over the map, so a mask of 20 pixels could not even reach 0.1: "
    "log-softmax, plus b, sigmoid."
)
def takes_the_softmax(logits, bias):
    return (logits.flatten(1).softmax(1) + 0 * bias).reshape(logits.shape)


# 18.2


def bound_cases():
    """The authors' first b and larger ones, several thresholds, and a map that is smaller than the bound."""
    rows = ((1.0, 0.5, 4096), (3.0, 0.5, 4096), (0.0, 0.5, 16), (5.0, 0.9, 1024), (4.2, 0.3, 900), (7.0, 0.5, 576),
            (-0.7, 0.5, 64), (2.0, 0.9, 64))  # fmt: skip
    return [dict(zip(("b", "threshold", "positions"), row, strict=True)) for row in rows]


def library_bound(b, threshold, positions):
    """The library's bound for one half: another threshold is another b."""
    return min(positions, library_most_pixels(b + math.log((1 - threshold) / threshold)))


BOUND = Exercise(
    "18.2",
    "How many pixels at most?",
    difficulty=1,
    minutes=10,
    oracle=library_bound,
    cases=bound_cases,
    hints=(
        "A pixel reaches the threshold τ if p·eᵇ / (1 + p·eᵇ) ≥ τ. Solve this for p.",
        "p ≥ τ / ((1 − τ) · eᵇ). The p of all positions sum to 1: how many of them can be that large?",
        "At most eᵇ · (1 − τ) / τ, rounded down, and never more than there are positions.",
    ),
)


@BOUND.model
def most_pixels(b, threshold, positions):
    most = math.exp(b) * (1 - threshold) / threshold
    return min(math.floor(most), positions)


@BOUND.flags(
    rounds="This looks like rounding to the nearest number. Part of a pixel is no pixel: round down.",
    rounds_up="This looks like rounding up: the last pixel would need more than the p that is left.",
    half="This looks like a threshold of one half, whatever is asked for.",
    turned="This looks like τ / (1 − τ), upside down: the higher the threshold, the fewer pixels reach it.",
    no_sigmoid="This looks like p · eᵇ ≥ τ. The mask is p·eᵇ / (1 + p·eᵇ): the sigmoid lowers it.",
    no_exponential="This looks like b itself. b is added to a logarithm, so it multiplies p by eᵇ.",
    decimal="This looks like 10 to the power of b. The logarithm is the natural one.",
    endless="This looks like more pixels than the map has: `positions` is the most.",
)
def wrong_bound(b, threshold, positions, *, rounds=False, rounds_up=False, half=False, turned=False, no_sigmoid=False,
                no_exponential=False, decimal=False, endless=False):  # fmt: skip
    threshold = 0.5 if half else threshold
    factor = b if no_exponential else 10**b if decimal else math.exp(b)
    odds = (1 if no_sigmoid else 1 - threshold) / threshold
    most = factor * (1 / odds if turned else odds)
    most = round(most) if rounds else math.ceil(most) if rounds_up else math.floor(most)
    return most if endless else min(most, positions)
