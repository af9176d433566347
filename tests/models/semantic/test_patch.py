"""The patch classifier: slid, run once, and shifted and stitched are one; its cost by hand; training; any size."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from lessons_lib.data.sample import VOID
from lessons_lib.models.contract import pixel_cross_entropy
from lessons_lib.models.semantic.patch import (
    PatchClassifier,
    linear_as_conv_weight,
    run_once,
    shift_and_stitch,
    slide,
    stitch,
)
from lessons_lib.models.zoo import build_model
from lessons_lib.ops.cost import MultiplyAdds
from tests.models.batches import labelled, random_batch, scenes


def assert_same(a, b):
    torch.testing.assert_close(a, b, rtol=0, atol=1e-9)


def random_net(seed):
    """A small classifier with random kernels, strides and dilations, the size of its patch, and its stride."""
    generator = torch.Generator().manual_seed(seed)

    def draw(least, most):
        return int(torch.randint(least, most + 1, (), generator=generator))

    torch.manual_seed(seed)
    patch_size, stride, channels, layers = 1, 1, 2, []
    for _ in range(draw(1, 3)):
        pool, k, s, d = draw(0, 1), draw(1, 3), draw(1, 2), draw(1, 2)
        layers.append(nn.MaxPool2d(k, s, dilation=d) if pool else nn.Conv2d(channels, 3, k, s, dilation=d))
        channels = channels if pool else 3
        patch_size, stride = patch_size + (k - 1) * d * stride, stride * s
    k = draw(1, 2)
    patch_size += (k - 1) * stride
    layers += [nn.ReLU(), nn.Flatten(), nn.Linear(channels * k * k, 4), nn.ReLU(), nn.Linear(4, 3)]
    return nn.Sequential(*layers).double(), patch_size, stride


@given(st.integers(0, 10_000), st.integers(0, 9), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_claim_2_all_ways_give_the_same_scores(seed, higher, wider):
    net, patch_size, stride = random_net(seed)
    picture = torch.rand(2, 2, patch_size + higher, patch_size + wider, dtype=torch.float64)
    one_by_one = torch.stack(
        [
            torch.stack([net(picture[:, :, i : i + patch_size, j : j + patch_size]) for j in range(wider + 1)], 2)
            for i in range(higher + 1)
        ],
        2,
    )  # (B, K, oH, oW), cut out by hand
    assert one_by_one.std() > 0
    assert_same(slide(net, picture, patch_size), one_by_one)
    assert_same(run_once(net, picture, dense=True), one_by_one)
    assert_same(shift_and_stitch(net, picture, patch_size, stride), one_by_one)
    assert_same(run_once(net, picture), one_by_one[:, :, ::stride, ::stride])


@pytest.mark.parametrize("size", [(1, 1), (2, 33), (40, 31)])
def test_claim_2_for_the_model(size):
    torch.manual_seed(0)
    model = PatchClassifier(5).double()
    images = torch.rand(2, 3, *size, dtype=torch.float64)
    padded = model.padded(images)
    assert model.logits(images).std() > 0
    assert_same(slide(model.net, padded, model.patch_size), model.logits(images))
    assert_same(shift_and_stitch(model.net, padded, model.patch_size, model.stride), model.logits(images))


def test_claim_2_control_padding_inside_is_another_function():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU())
    net.extend([nn.Flatten(), nn.Linear(4 * 49, 3)])
    picture = torch.rand(1, 3, 16, 16)
    once = F.conv2d(net[:4](picture), linear_as_conv_weight(net[5].weight, 4), net[5].bias)
    assert (once - slide(net, picture, 7)).abs().max() > 0.01
    with pytest.raises(ValueError, match="net must hold no padding"):
        run_once(net, picture)


def test_stitching_by_hand():
    shifted = torch.tensor([[[[1.0, 5]], [[2, 6]]], [[[3, 7]], [[4, 8]]]])[:, :, None, None]  # (2, 2, 1, 1, 1, 2)
    assert stitch(shifted).tolist() == [[[[1, 2, 5, 6], [3, 4, 7, 8]]]]
    picture = torch.rand(2, 3, 12, 9)
    shifts = torch.stack([torch.stack([picture[:, :, i::3, j::3] for j in range(3)]) for i in range(3)])
    assert stitch(shifts).equal(picture)


def test_patches_are_classified_in_portions():
    net, seen = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), []
    picture = torch.rand(3, 1, 90, 101)
    with torch.no_grad():
        out = slide(lambda patches: seen.append(len(patches)) or net(patches), picture, 2)
        torch.testing.assert_close(out, run_once(net, picture))
    assert max(seen) <= 4096 and sum(seen) == 3 * 89 * 100


def test_fully_connected_is_a_convolution():
    linear, x = nn.Linear(3 * 7 * 7, 5), torch.rand(2, 3, 7, 7)
    weight = linear_as_conv_weight(linear.weight, 3)
    torch.testing.assert_close(F.conv2d(x, weight, linear.bias)[:, :, 0, 0], linear(x.flatten(1)))
    assert weight.data_ptr() == linear.weight.data_ptr()
    assert linear_as_conv_weight(torch.tensor([[0.0, 1, 2, 3, 4, 5, 6, 7]]), 2).tolist() == [
        [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]
    ]


def test_multiply_adds_by_hand():
    model = PatchClassifier(11).to("meta")
    patch = 27 * 27 * 16 * 27 + 11 * 11 * 16 * 144 + 3 * 3 * 16 * 144 + 144 * 32 + 32 * 11
    places = [96 + 28 - lost for lost in (2, 2 + 2 + 4, 8 + 4 + 8, 20 + 8, 28)]  # dilations 1 1 2 2 4 4
    once = sum(n * n * w for n, w in zip(places, (16 * 27, 16 * 144, 16 * 144, 144 * 32, 32 * 11), strict=True))
    padded = model.padded(torch.empty(1, 3, 96, 96, device="meta"))
    costs = []
    for run in (lambda: slide(model.net, padded, 29), lambda: run_once(model.net, padded, dense=True)):
        with MultiplyAdds() as cost:
            run()
        costs.append(cost.total)
    assert costs == [96 * 96 * patch, once]
    assert costs[0] / costs[1] > 50


def test_a_step_sees_one_pixel_in_sixteen_and_all_of_them_in_turn():
    torch.manual_seed(0)
    model = PatchClassifier(3)
    label_maps = torch.randint(3, (1, 10, 13))
    seen = torch.zeros(10, 13, dtype=torch.long)
    images = torch.rand(1, 3, 10, 13)
    with torch.no_grad():
        full = model.logits(images)
        shifts = [(i, j) for i in range(4) for j in range(4)]
        possible = [pixel_cross_entropy(full[:, :, i::4, j::4], label_maps[:, i::4, j::4]).item() for i, j in shifts]
        assert min(b - a for a, b in pairwise(sorted(possible))) > 1e-4  # so that a loss tells which pixels it saw
        batch = labelled(images, label_maps)
        for _ in range(200):
            loss = model(batch)["cross_entropy"].item()
            nearest = min(range(16), key=lambda k: abs(possible[k] - loss))
            assert abs(possible[nearest] - loss) < 2e-5
            i, j = shifts[nearest]
            seen[i::4, j::4] += 1
    assert seen.min() > 3
    torch.testing.assert_close(model.eval()(batch)["cross_entropy"], pixel_cross_entropy(full, label_maps))


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (33, 50)])
def test_any_size_trains(size):
    model, batch = build_model("patch", 11), random_batch(2, *size, 11)
    model(batch)["cross_entropy"].backward()
    assert all(p.grad is not None for p in model.parameters())
    assert model.logits(batch.images).shape == (2, 11, *size)


def test_gradient_reaches_every_parameter_and_void_gives_zero():
    torch.manual_seed(0)
    model, batch = PatchClassifier(11), scenes(0, 1)
    model(batch)["cross_entropy"].backward()
    assert [n for n, p in model.named_parameters() if not p.grad.abs().sum() > 0] == []
    void = labelled(batch.images, torch.full_like(batch.label_maps, VOID))
    loss = model(void)["cross_entropy"]
    assert loss == 0 and loss.requires_grad


def test_overfits_one_picture():
    torch.manual_seed(0)
    model, batch = PatchClassifier(11), scenes(2)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    before = model.eval()(batch)["cross_entropy"].item()
    model.train()
    for _ in range(150):
        optimizer.zero_grad()
        model(batch)["cross_entropy"].backward()
        optimizer.step()
    assert model.eval()(batch)["cross_entropy"] < before / 4


def test_predicts_each_picture_at_its_own_size():
    model = PatchClassifier(4)
    maps = model.predict([torch.rand(3, 1, 1), torch.rand(3, 31, 400)])
    assert [tuple(m.shape) for m in maps] == [(1, 1), (31, 400)]
    assert model.training and maps[0].dtype == torch.int64
