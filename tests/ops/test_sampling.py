"""Sampling against a loop and torchvision's counts; the dice are given, and nothing ignored is drawn."""

import torch
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler

from lessons_lib.ops.matching import IGNORED, NEGATIVE, POSITIVE
from lessons_lib.ops.sampling import sample, sample_hardest


def by_sorting(labels, random, count, share):
    """Positives by their number, then negatives by theirs."""
    ranked = {kind: sorted((-r, i) for i, r in enumerate(random) if labels[i] == kind) for kind in (1, 0)}
    positives = [i for _, i in ranked[1]][: int(count * share + 1e-9)]
    return positives, [i for _, i in ranked[0]][: count - len(positives)]


def case_differs(seed: int) -> bool:
    g = torch.Generator().manual_seed(seed)
    n, count = int(torch.randint(0, 30, (), generator=g)), int(torch.randint(1, 20, (), generator=g))
    share = float(torch.randint(0, 5, (), generator=g)) / 4
    labels = torch.randint(-1, 2, (n,), generator=g)
    random = torch.rand(n, generator=g, dtype=torch.float64)
    chosen, valid = sample(labels, random, count, share)
    positives, negatives = by_sorting(labels.tolist(), random.tolist(), count, share)
    theirs = BalancedPositiveNegativeSampler(count, share)([labels])
    same_counts = (len(positives), len(negatives)) == tuple(int(masks[0].sum()) for masks in theirs)
    return not (same_counts and chosen[valid].tolist() == positives + negatives and len(chosen) == count)


def test_loops_and_torchvision():
    assert [seed for seed in range(300) if case_differs(seed)] == []


def test_torchvisions_case():
    """vision, test_models_detection_utils.py: four samples at a share of 0.25 are one positive and three negatives."""
    labels = torch.tensor([1, 1, 1, 1, 1, 0, 0, 0, 0, 0])
    chosen, valid = sample(labels, torch.rand(10), 4, 0.25)
    assert labels[chosen].tolist() == [1, 0, 0, 0] and bool(valid.all())


def test_seats_without_positives_go_to_negatives_and_ignored_ones_never_come():
    labels = torch.tensor([[1, 0, 0, 0, -1, -1], [-1, -1, -1, -1, -1, -1]])
    chosen, valid = sample(labels, torch.tensor([0.1, 0.2, 0.3, 0.4, 0.9, 0.8]).expand(2, 6), 4, 0.5)
    assert chosen[0].tolist() == [0, 3, 2, 1] and valid.tolist() == [[True] * 4, [False] * 4]


def test_more_seats_than_boxes():
    chosen, valid = sample(torch.tensor([0, 1]), torch.tensor([0.5, 0.0]), 5, 0.5)
    assert (
        chosen.shape == (5,) and valid.tolist() == [True, True, False, False, False] and chosen[:2].tolist() == [1, 0]
    )
    assert not sample(torch.zeros(2, 0, dtype=torch.int64), torch.zeros(2, 0), 3, 0.5)[1].any()


def test_each_box_is_equally_likely():
    labels = torch.tensor([1] * 10 + [0] * 30).expand(4000, 40)
    random = torch.rand(4000, 40, generator=torch.Generator().manual_seed(0))
    chosen, _ = sample(labels, random, 16, 0.25)
    often = torch.zeros(40).scatter_add(0, chosen.flatten(), torch.ones(64000)) / 4000
    torch.testing.assert_close(often, torch.tensor([0.4] * 10 + [0.4] * 30), rtol=0, atol=0.05)


def test_the_hardest():
    labels = torch.tensor([POSITIVE, NEGATIVE, IGNORED, NEGATIVE])
    chosen, valid = sample_hardest(labels, torch.tensor([0.1, 3.0, 9.0, 2.0]), 2)
    assert chosen.tolist() == [1, 3] and valid.all()
    chosen, valid = sample_hardest(labels, torch.zeros(4), 6)
    assert sorted(chosen[valid].tolist()) == [0, 1, 3]
