"""Sampling: rounds that hold every picture once, shares that make up a step, and no memory of earlier draws."""

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset

from lessons_lib.data.sample import Instances, Sample, collate
from lessons_lib.data.scenes import PRESETS, Scenes
from lessons_lib.training.sampling import Draws, generator_for, seed_for, step_draws


class Numbers(Dataset):
    """Picture i is one pixel of brightness i."""

    def __init__(self, length: int):
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        return pixel(float(index))


def pixel(value: float) -> Sample:
    nothing = Instances(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0, 1, 1, dtype=torch.bool))
    return Sample(torch.full((3, 1, 1), value), torch.zeros(1, 1, dtype=torch.int64), nothing)


def test_a_seed_is_named_by_words():
    assert seed_for(0, "crop", 1) == seed_for(0, "crop", 1) == 1436016385
    assert len({seed_for(s, word, n) for s in range(20) for word in ("crop", "order") for n in range(50)}) == 2000
    assert seed_for(1, 23) != seed_for(12, 3)
    assert torch.rand(3, generator=generator_for("a")).equal(torch.rand(3, generator=generator_for("a")))


@given(length=st.integers(1, 30), seed=st.integers(0, 5), turn=st.integers(0, 10**6))
def test_each_round_holds_every_picture_once(length, seed, turn):
    draws = Draws(Numbers(length), seed)
    assert sorted(draws.index(turn * length + i) for i in range(length)) == list(range(length))


def test_rounds_and_seeds_have_orders_of_their_own():
    orders = set()
    for seed in range(4):
        draws = Draws(Numbers(50), seed)
        orders |= {tuple(draws.index(50 * turn + i) for i in range(50)) for turn in range(4)}
    assert len(orders) == 16
    assert tuple(range(50)) not in orders


@given(order=st.permutations(range(20)))
def test_a_draw_does_not_depend_on_those_before(order):
    def noisy(sample: Sample, generator: torch.Generator) -> Sample:
        return pixel(sample.image[0, 0, 0].item() + torch.rand((), generator=generator).item())

    draws, expected = Draws(Numbers(7), 3, noisy), Draws(Numbers(7), 3, noisy).__getitems__(range(20))
    assert all(draws[n].image.equal(expected[n].image) for n in order)
    assert len({sample.image[0, 0, 0].item() % 1 for sample in expected}) == 20


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # from Python 3.12 on: fork beside threads
def test_scenes_are_the_same_one_by_one_together_and_by_workers():
    draws = Draws(Scenes(PRESETS["easy"], 5, 1), 0)
    for one, two in zip([draws[n] for n in range(8)], draws.__getitems__(range(8)), strict=True):
        assert one.image.equal(two.image)
    plan = step_draws(0, 2, 4)
    batches = [list(DataLoader(draws, batch_sampler=plan, collate_fn=collate, num_workers=n)) for n in (0, 1)]
    assert all(a.images.equal(b.images) for a, b in zip(*batches, strict=True))


def test_step_draws_by_hand():
    assert step_draws(2, 4, batch=6) == [range(12, 18), range(18, 24)]
    assert step_draws(2, 4, batch=6, process=1, processes=3) == [range(14, 16), range(20, 22)]
    assert step_draws(4, 4, batch=6) == []


@given(start=st.integers(0, 9), more=st.integers(0, 9), share=st.integers(1, 4), processes=st.integers(1, 4))
def test_processes_share_every_draw_once(start, more, share, processes):
    batch = share * processes
    plans = [step_draws(start, start + more, batch, process, processes) for process in range(processes)]
    counted = Counter(draw for plan in plans for draws in plan for draw in draws)
    assert counted == Counter(range(start * batch, (start + more) * batch))
    assert step_draws(0, start + more, batch)[start:] == step_draws(start, start + more, batch)
