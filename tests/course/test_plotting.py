"""What is drawn, read back from the artists and from the pixels."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from lessons_lib.course.plotting import (
    GRASS,
    GROUND,
    VIVID,
    VOID_COLOUR,
    WATER,
    contact_sheet,
    draw_image,
    draw_instances,
    draw_key,
    draw_label_map,
    label_colours,
    loss_curve,
)
from lessons_lib.data.sample import Instances, Sample, tight_boxes


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def make_sample(count=2, **extra):
    masks = torch.zeros(count, 8, 10, dtype=torch.bool)
    for i in range(count):
        masks[i, 3 * i : 3 * i + 3, 1:5] = True
    instances = Instances(tight_boxes(masks), torch.arange(1, count + 1), masks, **extra)
    return Sample(torch.rand(3, 8, 10), torch.zeros(8, 10, dtype=torch.int64), instances)


def test_an_image_is_shown_pixel_by_pixel(ax):
    image = torch.rand(3, 4, 6)
    (artist,) = draw_image(ax, image)
    np.testing.assert_allclose(artist.get_array(), image.permute(1, 2, 0).numpy())
    assert not ax.axison and artist.get_interpolation() == "nearest"


def test_label_colours_by_hand():
    colours = label_colours()
    assert colours.shape == (256, 3) and colours.min() >= 0 and colours.max() <= 1
    for label, colour in ((0, GROUND), (1, VIVID[0]), (8, VIVID[7]), (9, WATER), (10, GRASS), (255, VOID_COLOUR)):
        np.testing.assert_allclose(colours[label], to_rgb(colour))
    assert len(np.unique(colours[:32].round(6), axis=0)) == 32  # also the 21 classes of VOC stay apart


def colour_blind(rgb, kind):
    """How a colour looks without one kind of cone (Viénot, Brettel and Mollon 1999), in linear light."""
    to_cones = np.array([[17.8824, 43.5161, 4.1194], [3.4557, 27.1554, 3.8671], [0.02996, 0.18431, 1.4670]])
    missing = {
        "protan": [[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]],
        "deutan": [[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]],
    }[kind]
    return (np.linalg.inv(to_cones) @ np.array(missing) @ to_cones @ (rgb**2.2).T).T.clip(0, 1) ** (1 / 2.2)


@pytest.mark.parametrize("kind", ["protan", "deutan"])
def test_colours_stay_apart_for_colour_blind_eyes(kind):
    seen = colour_blind(label_colours()[[*range(11), 255]], kind)
    distance = np.abs(seen[:, None] - seen[None]).max(-1) + np.eye(len(seen))
    assert distance.min() > 0.08
    red, green = {"protan": ("#874D33", "#285A33"), "deutan": ("#7D4D33", "#286933")}[kind]  # the control
    seen = colour_blind(np.array([to_rgb(red), to_rgb(green)]), kind)
    assert np.abs(seen[0] - seen[1]).max() < 0.03


def test_a_key_names_all_labels_or_those_that_occur():
    figure = Figure(figsize=(3, 2), layout="constrained")
    names = ("ground", "ball", "duck")
    entries = [text.get_text() for text in draw_key(figure, names).get_texts()]
    assert entries == ["ground", "ball", "duck", "void"]
    maps = [torch.full((2, 2), 2), torch.tensor([[255, 0], [0, 0]])]
    key = draw_key(figure, names, maps)
    assert [text.get_text() for text in key.get_texts()] == ["ground", "duck", "void"]
    assert [to_rgb(patch.get_facecolor()) for patch in key.get_patches()] == [
        to_rgb(colour) for colour in (GROUND, tuple(label_colours()[2]), VOID_COLOUR)
    ]


def test_a_label_map_and_its_legend(ax):
    label_map = torch.tensor([[0, 1], [255, 12]])
    artists = draw_label_map(ax, label_map, names=("ground", "ball"))
    np.testing.assert_allclose(artists[0].get_array(), label_colours()[label_map.numpy()])
    assert [text.get_text() for text in artists[1].get_texts()] == ["ground", "ball", "12", "void"]
    assert artists[1].get_frame().get_alpha() == 1  # readable on any page
    assert len(draw_label_map(ax, label_map)) == 1


def test_instances_are_filled_and_outlined(ax):
    sample = make_sample()
    _, overlay = draw_instances(ax, sample.image, sample.instances)
    pixels = overlay.get_array()
    assert pixels.shape == (8, 10, 4)
    for i in range(2):
        inner, edge = pixels[3 * i + 1, 2], pixels[3 * i, 1]
        np.testing.assert_allclose(inner[:3], to_rgb(VIVID[i]))
        np.testing.assert_allclose(edge[:3], to_rgb(VIVID[i]))
        assert inner[3] < edge[3] == 1
    outside = ~sample.instances.masks.any(0).numpy()
    assert (pixels[outside][:, :3] == 0).all() and (pixels[outside][:, 3] < 0.5).all()


def test_names_scores_boxes_and_crowds(ax):
    crowd = torch.tensor([False, True])
    sample = make_sample(scores=torch.tensor([0.5, 0.875]), is_crowd=crowd)
    artists = draw_instances(ax, sample.image, sample.instances, names=("ground", "ball"), boxes=True)
    texts = [artist.get_text() for artist in artists if hasattr(artist, "get_text")]
    assert texts == ["ball 0.50", "2 0.88"]
    assert all(artist.get_bbox_patch() is not None for artist in artists if hasattr(artist, "get_text"))
    frames = [artist.get_bbox().bounds for artist in artists if hasattr(artist, "get_width")]
    assert frames == [(0.5, -0.5, 4, 3), (0.5, 2.5, 4, 3)]  # pixel centres lie at whole numbers
    red, green, blue = artists[1].get_array()[4, 2, :3]
    assert red == green == blue


def test_no_instances(ax):
    sample = make_sample(0)
    assert len(draw_instances(ax, sample.image, sample.instances, names=("ground",), boxes=True)) == 2


def test_a_contact_sheet():
    samples = [make_sample() for _ in range(5)]
    figure = contact_sheet(samples, columns=3, layers=("image", "instances", "labels"))
    assert isinstance(figure, Figure) and len(figure.axes) == 2 * 3 * 3
    drawn = [len(ax.images) for ax in figure.axes]
    assert drawn == [1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 0, 2, 2, 0, 1, 1, 0]
    assert figure.patch.get_alpha() == 0 and not any(ax.axison for ax in figure.axes)
    plt.close(figure)
    with plt.rc_context({"figure.constrained_layout.use": True}):
        figure = contact_sheet(samples[:1])  # no warning about two layouts
    assert len(figure.axes) == 1
    plt.close(figure)


def test_a_loss_curve_shows_each_value_and_the_mean_of_the_last_twentieth():
    steps, values = list(range(1, 41)), [float(n % 4) for n in range(40)]
    figure = loss_curve(steps, {"mask": values, "box": [1.0] * 40})
    (ax,) = figure.axes
    pale, strong, *_ = ax.lines
    assert pale.get_ydata().tolist() == values
    assert strong.get_ydata()[:4].tolist() == [0, 0.5, 1.5, 2.5]  # two steps are a twentieth of forty
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["mask", "box"]
    assert loss_curve([], {}).axes[0].lines[:] == []
