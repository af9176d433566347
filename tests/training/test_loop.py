"""The training loop: a step worked by hand, the loop written out in torch, batches in their order, overfitting, NaN."""

import math

import pytest
import torch
from torch import nn

from lessons_lib.data.sample import Batch, Instances, collate
from lessons_lib.data.scenes import PRESETS, draw_scenes
from lessons_lib.training.loop import Record, fit
from tests.tiny_model import TinyModel


def batch_of(values: list[float]) -> Batch:
    """One picture of 1 × 1 pixel for each value."""
    images = torch.tensor(values)[:, None, None, None].expand(-1, 3, 1, 1)
    nothing = Instances(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0, 1, 1, dtype=torch.bool))
    ones = torch.ones(len(values), dtype=torch.int64)
    return Batch(images, ones[:, None, None] * 0, [nothing] * len(values), torch.stack([ones, ones], 1))


class Slope(nn.Module):
    """Two losses of one number w: the mean of w·x, and 3w; it remembers what it saw."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(2.0))
        self.seen, self.modes = [], []

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        self.seen.append(batch.images[:, 0, 0, 0].tolist())
        self.modes.append(self.training)
        return {"product": self.w * batch.images.mean(), "triple": 3 * self.w}


def test_one_step_by_hand():
    # w = 2, x = 0.5: losses 1 and 6; the gradient is 0.5 + 3, and a rate of 0.1 takes w to 2 − 0.35
    model = Slope()
    records = list(fit(model, [batch_of([0.25, 0.75])], torch.optim.SGD(model.parameters(), lr=0.1), steps=1))
    assert records == [Record(1, {"product": 1.0, "triple": 6.0})]
    assert records[0].loss == 7.0
    assert model.w.item() == pytest.approx(1.65)


def test_equals_the_loop_written_out():
    batches = [collate(draw_scenes(range(i, i + 2), PRESETS["easy"])) for i in (0, 2, 4)]
    torch.manual_seed(0)
    ours = TinyModel()
    theirs = TinyModel()
    theirs.load_state_dict(ours.state_dict())
    losses = [r.loss for r in fit(ours, batches, torch.optim.AdamW(ours.parameters(), lr=0.01), steps=7)]
    optimizer, expected = torch.optim.AdamW(theirs.parameters(), lr=0.01), []
    for step in range(7):
        optimizer.zero_grad()
        loss = theirs(batches[step % 3])["cross_entropy"]
        loss.backward()
        optimizer.step()
        expected.append(loss.item())
    assert losses == expected
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


def test_the_loader_begins_anew_and_may_be_infinite():
    model = Slope()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    for _ in fit(model, [batch_of([0.1]), batch_of([0.2])], optimizer, steps=5):
        pass
    assert [round(seen[0], 1) for seen in model.seen] == [0.1, 0.2, 0.1, 0.2, 0.1]
    endless = (batch_of([n / 10]) for n in range(10**9))
    assert [record.step for record in fit(model, endless, optimizer, steps=3)] == [1, 2, 3]


def test_counts_on_from_start_and_can_be_stopped():
    model = Slope()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    loader = [batch_of([0.1])]
    assert [record.step for record in fit(model, loader, optimizer, steps=7, start=4)] == [5, 6, 7]
    assert list(fit(model, loader, optimizer, steps=4, start=4)) == list(fit(model, loader, optimizer, steps=0)) == []
    before = len(model.seen)
    for record in fit(model, loader, optimizer, steps=100):
        if record.step == 2:
            break
    assert len(model.seen) == before + 2  # nothing runs ahead of whoever iterates


def test_trains_in_training_mode_whatever_happens_between_the_steps():
    model = Slope().eval()
    for _ in fit(model, [batch_of([0.1])], torch.optim.SGD(model.parameters(), lr=0.0), steps=3):
        model.eval()
    assert model.modes == [True] * 3


def test_overfits_one_batch():
    torch.manual_seed(0)
    batch = collate(draw_scenes([3], PRESETS["easy"]))
    labels = (batch.images.mean(1) > batch.images.mean()).long()  # two classes that brightness alone tells apart
    batch = Batch(batch.images, labels, batch.instances, batch.sizes)
    model = TinyModel(num_classes=2)
    *_, last = fit(model, [batch], torch.optim.AdamW(model.parameters(), lr=0.05), steps=150)
    assert last.loss < 0.12
    assert (model.predict(list(batch.images))[0] == labels[0]).float().mean() > 0.97


def test_the_rate_is_that_of_each_step():
    # w = 2, gradient 3 + 0.5; rates 0.1 and 0.2 take w to 2 − 0.35 − 0.7
    model = Slope()
    optimizer = torch.optim.SGD(model.parameters(), lr=9.0)
    rates = {1: 0.1, 2: 0.2, 3: 0.0}
    used = [optimizer.param_groups[0]["lr"] for _ in fit(model, [batch_of([0.5])], optimizer, 3, rate=rates.get)]
    assert used == [0.1, 0.2, 0.0]
    assert model.w.item() == pytest.approx(2 - 0.35 - 0.7)


@pytest.mark.parametrize(("clip", "length"), [(None, 3.5), (7.0, 3.5), (1.0, 1.0)])
def test_a_longer_gradient_is_cut(clip, length):
    model = Slope()
    list(fit(model, [batch_of([0.5])], torch.optim.SGD(model.parameters(), lr=0.1), 1, clip=clip))
    assert model.w.item() == pytest.approx(2 - 0.1 * length, abs=1e-5)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_before_the_step(bad):
    model = Slope()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    run = fit(model, [batch_of([0.5]), batch_of([bad])], optimizer, steps=5)
    assert next(run).step == 1
    kept = model.w.item()
    with pytest.raises(FloatingPointError, match=f"got product = {bad} in step 2; the parameters are those of step 1"):
        next(run)
    assert model.w.item() == kept == pytest.approx(1.65)
