"""Exercise 09.3: which pixels are seen, and how often."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.ops import receptive_field


def path_cases():
    """Plain pairs, one layer, stacks that grid and one that does not, a stride between; padding changes nothing."""
    chains = (
        [(3, 2, 1, 1), (2, 1, 1, 3)],
        [(3, 1, 0, 1)],
        [(3, 1, 1, 2)],
        [(3, 1, 0, 1), (3, 1, 0, 1)],
        [(2, 2, 0, 1), (2, 1, 0, 1)],
        [(3, 1, 2, 2), (3, 1, 2, 2)],
        [(3, 1, 1, 1), (3, 1, 2, 2), (3, 1, 4, 4)],
        [(3, 1, 0, 1), (2, 2, 0, 1), (4, 1, 0, 1)],
    )
    return [{"layers": [*chain]} for chain in chains]


PATHS = Exercise(
    "09.3",
    "Who is seen, and how often",
    difficulty=3,
    minutes=25,
    oracle=receptive_field.path_counts,
    cases=path_cases,
    hints=(
        "Start at the output with one cell that counts 1, and walk back through the layers, last one first.",
        "Back through a layer: cell c of its output touches the cells c·s + t·d of its input, for t = 0 … k − 1.",
        "Make zeros for (n − 1)·s + (k − 1)·d + 1 cells; for each t add the counts to before[t·d :: s], n of them.",
    ),
)


@PATHS.model
def path_counts(layers):
    counts = torch.ones(1, dtype=torch.float64)
    for k, s, _, d in reversed(layers):
        span = (len(counts) - 1) * s + 1
        before = torch.zeros(span + (k - 1) * d, dtype=torch.float64)
        for t in range(k):
            before[t * d : t * d + span : s] += counts
        counts = before
    return counts


@PATHS.flags(
    forward="This looks like the layers walked from first to last. The count goes from the output back to the image: "
    "the last layer spreads first, and the strides of the earlier ones spread it further.",
    fills="This looks like dense windows: the taps of a dilated layer lie d cells apart, and skip those between.",
    no_dilation="This looks like dilation 1 everywhere: the k taps of a layer lie d cells apart.",
    no_stride="This looks like stride 1 everywhere: two neighbouring cells of the output lie s cells apart in the "
    "input.",
    too_long="This looks like n·s cells for n cells that lie s apart. From the first to the last there are only n − 1 "
    "steps: (n − 1)·s + 1 cells.",
    overwrites="This looks like paths that are set, not added: two taps that meet in one pixel make two paths.",
    yes_or_no="This looks like yes or no instead of how many: two taps that meet in one pixel make two paths, so add, "
    "do not set.",
    shares="This looks like shares that add up to 1. Count the paths.",
    cuts_padding="This looks like padding cut off the field. It puts zeros around the map; the field of a cell inside "
    "the image is as long as without.",
    square="This looks like rows and columns together, an outer product. One axis is asked for.",
    whole="This looks like counts as whole numbers. Return them in float64: in deep stacks they grow beyond int64.",
    single="This looks like counts in float32, torch's default. Return them in float64, which holds larger whole "
    "numbers exactly.",
)
def wrong_paths(layers, *, forward=False, fills=False, no_dilation=False, no_stride=False, too_long=False,
                overwrites=False, yes_or_no=False, shares=False, cuts_padding=False, square=False, whole=False,
                single=False):  # fmt: skip
    counts, border, jump = torch.ones(1, dtype=torch.float64), 0, 1
    for k, s, _, d in layers if forward else reversed(layers):
        k, d = (d * (k - 1) + 1, 1) if fills else (k, 1 if no_dilation else d)
        s = 1 if no_stride else s
        span = (len(counts) - 1) * s + 1
        before = torch.zeros(span + (k - 1) * d + (s - 1) * too_long, dtype=torch.float64)
        for t in range(k):
            if overwrites:
                before[t * d : t * d + span : s] = counts
            else:
                before[t * d : t * d + span : s] += counts
        counts = before
    for _, s, p, _ in layers:
        border, jump = border + p * jump, jump * s
    counts = counts[border : len(counts) - border] if cuts_padding and 2 * border < len(counts) else counts
    counts = (counts > 0).double() if yes_or_no else counts
    counts = counts / counts.sum() if shares else counts
    counts = torch.outer(counts, counts) if square else counts
    return counts.long() if whole else counts.float() if single else counts
