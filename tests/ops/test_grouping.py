"""Grouping: the four similarities by hand, what is stored against the pixels, and the order of the joins."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from lessons_lib.ops.grouping import ALL, Stored, describe, gradients, group, joined, neighbours, similarity
from lessons_lib.ops.superpixels import superpixels


def one(colour=(1.0, 0.0), texture=(1.0,), area=2.0, box=(0.0, 0.0, 2.0, 1.0)):
    return Stored(*(np.array([row]) for row in (colour, texture)), np.array([area]), np.array([box]))


def random_image(seed, size=(20, 24)):
    image = torch.rand(3, *size, generator=torch.Generator().manual_seed(seed))
    return image, superpixels(image, 0.8, 5)


def test_similarities_by_hand():
    """Two regions of 2 and 3 pixels in an image of 20, in a common box of 2 × 3."""
    other = one((0.25, 0.75), (1.0,), 3.0, (0.0, 0.0, 1.0, 3.0))
    found = {name: similarity(one(), other, 20, (name,)).item() for name in ALL}
    assert found == pytest.approx({"colour": 0.25, "texture": 1.0, "size": 1 - 5 / 20, "fill": 1 - (6 - 5) / 20})
    assert similarity(one(), other, 20).item() == pytest.approx(sum(found.values()))


def test_similarity_is_symmetric_and_within_its_bounds():
    image, label_map = random_image(0)
    stored, count = describe(image, label_map.numpy()), int(label_map.max()) + 1
    for name in ALL:
        table = np.stack([similarity(stored.of([n]), stored, label_map.numel(), (name,)) for n in range(count)])
        np.testing.assert_allclose(table, table.T, atol=1e-12)
        assert table.min() >= -1e-12 and table[~np.eye(count, dtype=bool)].max() <= 1 + 1e-12


def test_what_is_stored_of_a_union_is_what_its_pixels_say():
    """The hierarchy never looks at the pixels again: it may not have to."""
    image, label_map = random_image(1)
    apart = describe(image, label_map.numpy())
    together = describe(image, np.maximum(label_map.numpy() - 1, 0))  # the first two as one
    union = joined(apart.of([0]), apart.of([1]))
    for name in ("colour", "texture", "area", "box"):
        np.testing.assert_allclose(getattr(union, name)[0], getattr(together, name)[0], atol=1e-12)


def test_stored_histograms_by_hand():
    """Two pixels, black and white; half of a channel's histogram in the first bin, half in the last."""
    image = torch.tensor([[[0.0, 1.0]]] * 3)
    stored = describe(image, np.zeros((1, 2), dtype=np.int64))
    bins = stored.colour.reshape(3, 16)
    assert bins[:, 0].tolist() == bins[:, 15].tolist() == pytest.approx([1 / 6] * 3) and bins.sum() == pytest.approx(1)
    assert stored.area.tolist() == [2] and stored.box.tolist() == [[0, 0, 2, 1]]


def test_values_beyond_0_and_1_fall_into_the_outermost_bins():
    """Not into bins of the superpixel before, as a negative number of a bin would."""
    labels = np.array([[0, 0, 1, 1]])
    image = torch.tensor([[[0.0, 1.0, 0.0, 1.0]]] * 3)
    beyond = torch.tensor([[[0.0, 1.0, -0.2, 1.2]]] * 3)
    np.testing.assert_array_equal(describe(beyond, labels).colour, describe(image, labels).colour)


def test_gradients_of_a_ramp():
    """0.1 a pixel to the right: 0.5 is no change, and twice the change is added."""
    ramp = np.broadcast_to(np.arange(5) / 10, (4, 5))[..., None].repeat(3, -1)
    found = gradients(ramp)[1, 2].reshape(4, 3)
    assert found[:, 0] == pytest.approx([0.5, 0.7, 0.5 + 0.2 / 2**0.5, 0.5 - 0.2 / 2**0.5])
    assert gradients(100 * ramp).max() == 1 and gradients(-100 * ramp).min() == 0


def test_neighbours_share_an_edge_not_a_corner():
    assert neighbours(np.array([[0, 1], [2, 3]])).astype(int).tolist() == [
        [0, 1, 1, 0],
        [1, 0, 0, 1],
        [1, 0, 0, 1],
        [0, 1, 1, 0],
    ]


def test_the_most_similar_neighbours_are_joined_first():
    """Four stripes of grey: the two dark ones, then the two light ones, then all."""
    image = torch.tensor([[[0.0, 0.05, 0.95, 0.99]]] * 3).repeat_interleave(3, 2).repeat_interleave(3, 1)
    tree = group(image, torch.arange(4).repeat_interleave(3).expand(3, -1), ("colour",))
    assert tree.members[4:].astype(int).tolist() == [[1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1]]
    assert tree.born.tolist() == [0, 0, 0, 0, 1, 2, 3]
    assert tree.died.tolist() == [1, 1, 2, 2, 3, 3, 4]


def test_equal_regions_that_do_not_touch_are_not_joined():
    image = torch.tensor([[[0.0, 1.0, 0.0]]] * 3)
    tree = group(image, torch.tensor([[0, 1, 2]]), ("colour",))
    assert tree.members[3].tolist() == [True, True, False]  # a tie of neighbours; never the two black ones


@pytest.mark.parametrize("names", [ALL, ("size", "fill"), ("colour",)])
def test_the_tree_joins_two_living_neighbours_at_a_time(names):
    image, label_map = random_image(2)
    tree, near = group(image, label_map, names), neighbours(label_map.numpy())
    count = len(near)
    assert len(tree.members) == 2 * count - 1 and tree.members[-1].all() and tree.died[-1] == count
    assert (tree.members[:count] == np.eye(count, dtype=bool)).all()
    for new in range(count, 2 * count - 1):
        parts = (tree.died == tree.born[new]).nonzero()[0]
        first, second = tree.members[parts]
        assert len(parts) == 2 and (first ^ second == tree.members[new]).all() and not (first & second).any()
        assert near[np.ix_(first, second)].any() and (tree.born[parts] < tree.born[new]).all()
    assert all(a <= b for a, b in pairwise(tree.born.tolist()))


def test_every_join_takes_the_highest_similarity_of_all_pairs():
    """Computed anew from the pixels at every step."""
    image, label_map = random_image(3, (12, 12))
    tree, labels = group(image, label_map), label_map.numpy()
    count = int(labels.max()) + 1
    for step in range(1, count):
        alive = [m for m, born, died in zip(tree.members, tree.born, tree.died, strict=True) if born < step <= died]
        now = np.argmax(np.stack(alive)[:, labels], 0)
        stored, near = describe(image, now), neighbours(now)
        table = np.stack([similarity(stored.of([n]), stored, labels.size) for n in range(len(alive))])
        i, j = (next(n for n, m in enumerate(alive) if (m == p).all()) for p in tree.members[tree.died == step])
        assert table[i, j] == pytest.approx(table[near].max(), abs=1e-9)


def test_one_superpixel_is_all():
    tree = group(torch.zeros(3, 4, 4), torch.zeros(4, 4, dtype=torch.int64))
    assert tree.members.tolist() == [[True]] and tree.born.tolist() == [0] and tree.died.tolist() == [1]
