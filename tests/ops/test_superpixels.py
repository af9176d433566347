"""Superpixels by hand, against the algorithm written down plainly, and where there is nothing to join."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lessons_lib.ops.superpixels import STEPS, edges, few_superpixels, superpixels


def grey(*rows):
    return torch.tensor(rows, dtype=torch.float64).expand(3, -1, -1)


def plainly(image, scale, min_size):
    """The paper's algorithm with sets of pixels, and the graph's edges one by one."""
    _, height, width = image.shape
    graph = []
    for number, (down, right) in enumerate(STEPS):
        for y in range(height):
            for x in range(width):
                v, u = y + down, x + right
                if v < height and 0 <= u < width:
                    weight = (image[:, y, x] - image[:, v, u]).square().sum().sqrt().item()
                    graph.append((round(weight, 12), number, (y, x), (v, u)))
    graph.sort(key=lambda edge: edge[:3])
    piece = {(y, x): frozenset([(y, x)]) for y in range(height) for x in range(width)}
    inside = {one: 0.0 for one in piece.values()}
    for weight, _, p, q in graph:
        a, b = piece[p], piece[q]
        if a != b and weight <= min(inside[a] + scale / len(a), inside[b] + scale / len(b)) + 1e-12:
            inside[a | b] = weight
            piece.update(dict.fromkeys(a | b, a | b))
    for _, _, p, q in graph:
        a, b = piece[p], piece[q]
        if a != b and min(len(a), len(b)) < min_size:
            piece.update(dict.fromkeys(a | b, a | b))
    order = list(dict.fromkeys(piece[y, x] for y in range(height) for x in range(width)))
    return torch.tensor([[order.index(piece[y, x]) for x in range(width)] for y in range(height)])


@settings(max_examples=60)
@given(
    st.tuples(st.integers(1, 7), st.integers(1, 7)),
    st.sampled_from([0.0, 0.1, 0.4, 1.0, 5.0]),
    st.integers(1, 5),
    st.integers(0, 10_000),
)
def test_it_is_the_algorithm_of_the_paper(size, scale, min_size, seed):
    image = torch.randint(0, 5, (3, *size), generator=torch.Generator().manual_seed(seed)).double() / 4
    assert torch.equal(superpixels(image, scale, min_size), plainly(image, scale, min_size))


def test_by_hand():
    """0.1 inside the halves, 0.8 between them: the bonus of a piece of two pixels, 0.3 / 2, does not carry over it."""
    image = grey([0.0, 0.05, 0.8, 0.85])
    assert superpixels(image, 0.3, 1).tolist() == [[0, 0, 1, 1]]
    assert superpixels(image, 3.0, 1).tolist() == [[0, 0, 0, 0]]
    assert superpixels(image, 0.0, 1).tolist() == [[0, 1, 2, 3]]


def test_a_small_piece_goes_to_the_neighbour_that_is_most_alike():
    image = grey([0.0, 0.0, 0.6, 1.0, 1.0])
    assert superpixels(image, 0.2, 1).tolist() == [[0, 0, 1, 2, 2]]
    assert superpixels(image, 0.2, 2).tolist() == [[0, 0, 1, 1, 1]]


def test_pixels_that_touch_at_a_corner_are_neighbours():
    assert superpixels(grey([0.0, 1.0], [1.0, 0.0]), 0.1, 1).tolist() == [[0, 1], [1, 0]]


def test_every_superpixel_is_connected_and_large_enough():
    image = torch.rand(3, 24, 30, generator=torch.Generator().manual_seed(0))
    found = superpixels(image, 0.5, 6)
    assert (
        found.unique().tolist() == list(range(int(found.max()) + 1)) and found.unique(return_counts=True)[1].min() >= 6
    )
    for number in range(int(found.max()) + 1):
        assert ndimage.label((found == number).numpy(), structure=[[1] * 3] * 3)[1] == 1


def test_the_number_is_that_of_the_first_pixel():
    found = superpixels(torch.rand(3, 12, 12, generator=torch.Generator().manual_seed(1)), 0.2, 2)
    first = [int((found.flatten() == n).nonzero()[0]) for n in range(int(found.max()) + 1)]
    assert first == sorted(first)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1), (0, 4), (4, 0)])
def test_small_and_empty_images(size):
    assert superpixels(torch.zeros(3, *size)).tolist() == torch.zeros(*size, dtype=torch.int64).tolist()


def test_edges_are_those_of_eight_neighbours():
    first, second, weight = edges(grey([0.0, 0.5], [1.0, 0.0]))
    pairs = {(a, b): w for a, b, w in zip(first.tolist(), second.tolist(), weight.tolist(), strict=True)}
    root = 3**0.5
    assert pairs == pytest.approx(
        {(0, 1): 0.5 * root, (2, 3): root, (0, 2): root, (1, 3): 0.5 * root, (0, 3): 0.0, (1, 2): 0.5 * root}
    )


def test_few_means_few():
    image = torch.rand(3, 20, 20, generator=torch.Generator().manual_seed(2))
    assert superpixels(image, 0.1, 1).max() > 20
    assert few_superpixels(image, 0.1, 1, most=20).max() < 20
    calm = superpixels(image, 0.6, 5)
    assert torch.equal(few_superpixels(image, 0.6, 5, most=int(calm.max()) + 1), calm)
    assert few_superpixels(image, 0.1, 1, most=1).max() == 0
