"""What scenes hold: how many things, of which kinds and sizes, where, and that colour does not give them away."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from lessons_lib.data.scenes import CLASSES, PRESETS, SceneConfig, draw_scenes
from lessons_lib.data.scenes.config import DUCK, GRASS, HEN, WATER
from lessons_lib.data.scenes.layout import arrange
from lessons_lib.data.scenes.palette import tone


@pytest.fixture(scope="module")
def easy():
    return draw_scenes(range(300), PRESETS["easy"], seed=1)


@pytest.fixture(scope="module")
def crowded():
    return draw_scenes(range(100), PRESETS["crowded"], seed=1)


def grown(mask, pixels):
    return F.max_pool2d(mask[None].float(), 2 * pixels + 1, stride=1, padding=pixels)[0] > 0


def test_counts_classes_and_sizes(easy):
    counts = torch.tensor([len(sample.instances) for sample in easy])
    assert counts.min() == 1 and counts.max() == 5
    labels = torch.cat([sample.instances.labels for sample in easy])
    assert (torch.bincount(labels, minlength=9)[1:] > 60).all()
    widths = torch.cat([sample.instances.boxes[:, 2:] - sample.instances.boxes[:, :2] for sample in easy]).amax(1)
    assert (widths < 16).float().mean() > 0.15 and (widths > 30).float().mean() > 0.15
    stuff = torch.stack([torch.bincount(sample.label_map.flatten(), minlength=256) for sample in easy]).sum(0)
    assert all(stuff[label] > 0.1 * stuff.sum() for label in (0, WATER, GRASS))
    assert CLASSES[DUCK] == "duck" and CLASSES[HEN] == "hen" and len(CLASSES) == 11


def test_things_touch_and_hide_each_other(crowded):
    touching = hidden = pairs_of_a_class = 0
    for sample in crowded:
        masks, labels = sample.instances.masks, sample.instances.labels
        near = torch.stack([grown(mask, 2) for mask in masks])
        for i in range(len(masks)):
            for j in range(i + 1, len(masks)):
                if (near[i] & masks[j]).any():
                    touching += 1
                    pairs_of_a_class += bool(labels[i] == labels[j])
    layout = arrange(range(100), PRESETS["crowded"], 1)
    hidden = len(layout.order) - layout.crowd.sum() - sum((~s.instances.is_crowd).sum() for s in crowded)
    assert touching > 150 and pairs_of_a_class > 30 and hidden > 10


@pytest.mark.parametrize(("beside", "near", "alike"), [(0.0, (0, 0.3), (0.05, 0.25)), (1.0, (1, 1), (0.4, 0.8))])
def test_the_second_of_a_pair_touches_the_first(beside, near, alike):
    layout = arrange(range(300), SceneConfig(objects=(2, 2), beside=beside), 0)
    x, y, radius, label = (getattr(layout, name).view(300, 2) for name in ("x", "y", "radius", "label"))
    gap = (x.diff(dim=1) ** 2 + y.diff(dim=1) ** 2).sqrt()[:, 0]
    assert near[0] <= (gap < 0.951 * radius.sum(1)).float().mean() <= near[1]
    assert alike[0] < (label[:, 0] == label[:, 1]).float().mean() < alike[1]


def test_a_crowd_is_one_instance_of_many_pieces(crowded):
    crowds = [(sample, i) for sample in crowded for i in sample.instances.is_crowd.nonzero().flatten().tolist()]
    assert 15 < len(crowds) < 50  # probability 0.3
    for sample, i in crowds:
        assert i == 0 and sample.instances.labels[i] < DUCK
        width, height = (sample.instances.boxes[i, 2:] - sample.instances.boxes[i, :2]).tolist()
        assert 20 < max(width, height) < 60
        pieces = (sample.instances.masks[i].int().diff(dim=1) == 1).any(0).sum()
        assert pieces >= 4
    assert not any(sample.instances.is_crowd.any() for sample in draw_scenes(range(40), PRESETS["easy"]))


def test_ducks_stand_in_water_and_hens_on_grass(easy):
    right = total = 0
    for sample in easy:
        for mask, label in zip(sample.instances.masks, sample.instances.labels.tolist(), strict=True):
            if label in (DUCK, HEN):
                around = sample.label_map[grown(mask, 3) & ~mask]
                own, other = (WATER, GRASS) if label == DUCK else (GRASS, WATER)
                total += 1
                right += int((around == own).sum() > 4 * (around == other).sum())
    assert total > 100 and right / total > 0.95


@pytest.mark.parametrize("clearing", [0.0, 6.0, 20.0, 40.0])
def test_stuff_keeps_its_distance_in_context(clearing):
    config = replace(PRESETS["context"], clearing=clearing)
    layout = arrange(range(60), config, 4)
    gaps, kinds = [], set()
    centre = torch.arange(96) + 0.5
    for picture, sample in enumerate(draw_scenes(range(60), config, 4)):
        label = set(sample.instances.labels.tolist())
        assert len(label) == 1 and label <= {DUCK, HEN}
        stuff = sample.label_map == (WATER if label == {DUCK} else GRASS)
        kinds |= label
        assert stuff.any() and not (sample.label_map == (GRASS if label == {DUCK} else WATER)).any()
        rows = layout.picture == picture
        away = (centre - layout.x[rows, None, None]) ** 2 + (centre[:, None] - layout.y[rows, None, None]) ** 2
        gap = (away.sqrt() - layout.radius[rows, None, None]).amin(0)[stuff]
        assert gap.min() >= clearing
        gaps.append(gap.min())
    assert kinds == {DUCK, HEN}
    assert torch.stack(gaps).median() < clearing + 6  # and no farther than it must


def colour_bins(image):
    return (image.mul(7.999).long() * torch.tensor([64, 8, 1])[:, None, None]).sum(0)


def recall_of_colours(train, test, colour=colour_bins):
    """Mean recall over the things of the best classifier by colour alone (512 bins, equal priors)."""

    def counts(samples):
        total = torch.zeros(9, 512)
        for sample in samples:
            thing = (sample.label_map >= 1) & (sample.label_map <= 8)
            place = sample.label_map[thing] * 512 + colour(sample.image)[thing]
            total += torch.bincount(place, minlength=9 * 512).view(9, 512)
        return total[1:]

    likely = counts(train)
    guess = ((likely + 0.5) / (likely + 0.5).sum(1, keepdim=True)).argmax(0)
    tested = counts(test)
    right = torch.stack([tested[k, guess == k].sum() / tested[k].sum() for k in range(8)])
    return right.mean().item()


def test_no_class_is_a_matter_of_colour(easy):
    recall = recall_of_colours(easy[:200], easy[200:])
    assert recall < 0.22, recall  # chance is 0.125
    painted = [replace(sample, image=sample.image.clone()) for sample in easy]
    for sample in painted:  # the control: a class in its own shade is found by the same code
        for label in range(1, 9):
            sample.image[0, sample.label_map == label] = label / 9
    assert recall_of_colours(painted[:200], painted[200:]) > 0.9


def test_things_stand_off_from_what_is_behind(easy):
    weights = torch.tensor([0.3, 0.59, 0.11])[:, None, None]
    contrasts = []
    for sample in easy:
        light = (sample.image * weights).sum(0)
        for mask in sample.instances.masks:
            around = grown(mask, 5) & ~grown(mask, 1) & ((sample.label_map == 0) | (sample.label_map > 8))
            if around.sum() > 20:
                contrasts.append((light[mask].mean() - light[around & (sample.label_map < 255)].mean()).abs())
    contrasts = torch.stack(contrasts)
    assert contrasts.median() > 0.18 and (contrasts > 0.06).float().mean() > 0.95


def test_a_grid_of_stride_32_loses_the_things(easy):
    """Even the true labels, read at one pixel in 32 × 32, cannot draw thin or small things."""
    hits, union = torch.zeros(9), torch.zeros(9)
    for sample in easy:
        coarse = sample.label_map[16::32, 16::32].repeat_interleave(32, 0).repeat_interleave(32, 1)
        valid = sample.label_map != 255
        for label in range(1, 9):
            guess, true = (coarse == label) & valid, (sample.label_map == label) & valid
            hits[label] += (guess & true).sum()
            union[label] += (guess | true).sum()
    iou = hits[1:] / union[1:]
    assert iou.mean() < 0.35 and iou[4] < 0.12 and iou[5] < 0.12  # ring and pole


def test_hues_of_water_and_grass_overlap():
    layout = arrange(range(500), SceneConfig(), 0)
    middle = layout.ground_tones.mean(2)  # (B, stuff, rgb)
    order = middle[:, :, 2] - middle[:, :, 0]  # blue against red
    assert (order[:, 1][:, None] < order[:, 2]).float().mean() > 0.05
    light = (middle * torch.tensor([0.3, 0.59, 0.11])).sum(-1)
    assert (light.amax(1) - light.amin(1)).max() < 0.12  # one lightness a picture


def test_tone_by_hand():
    red = tone(torch.tensor(0.0), torch.tensor(0.5), torch.tensor(0.4))
    torch.testing.assert_close(red, torch.tensor([0.4 + 0.5 * 0.7, 0.4 - 0.15, 0.4 - 0.15]))
    grey = tone(torch.tensor([0.3, 1.7]), torch.zeros(2), torch.tensor([0.2, 1.0]))
    torch.testing.assert_close(grey, torch.tensor([[0.2] * 3, [1.0] * 3]))
    turned = tone(torch.tensor([0.1, -0.9, 2.1]), torch.full((3,), 0.3), torch.full((3,), 0.5))
    torch.testing.assert_close(turned[0], turned[1], atol=1e-5, rtol=0)
    torch.testing.assert_close(turned[0], turned[2], atol=1e-5, rtol=0)
