"""A figure with its caption: what stands in the notebook, that it is sharp, and what becomes of Markdown."""

import base64
import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from lessons_lib.course import figures
from lessons_lib.course.figures import as_html, plain, show


@pytest.fixture
def shown(monkeypatch):
    bundles = []
    monkeypatch.setattr(figures, "display", lambda bundle, raw: bundles.append(bundle))
    return bundles


def image_of(bundle):
    data = re.search(r'src="data:image/webp;base64,([^"]*)" width="(\d+)">', bundle["text/html"])
    return Image.open(io.BytesIO(base64.b64decode(data[1]))), int(data[2])


def test_a_figure_has_alt_text_and_its_caption_directly_beneath(shown):
    figure, ax = plt.subplots(figsize=(3, 2))
    ax.plot([0, 1])
    show(
        figure,
        """A "line" of
    slope **1** & no < more.""",
    )
    (bundle,) = shown
    assert bundle["text/plain"] == 'A "line" of slope **1** & no < more.'
    assert bundle["text/html"].startswith(
        figures.SHOWN + '<img alt="A &quot;line&quot; of slope 1 &amp; no &lt; more."'
    )
    assert bundle["text/html"].endswith(
        '><figcaption>A "line" of slope <strong>1</strong> &amp; no &lt; more.</figcaption></figure>'
    )
    assert not plt.fignum_exists(figure.number), "or the notebook would show it a second time"


def test_it_is_drawn_with_two_dots_for_each_of_the_page(shown):
    with plt.style.context("lessons_lib.course.course"):
        figure, ax = plt.subplots(figsize=(4, 2))
        ax.set_title("wide")
        show(figure, "A title.")
    image, width = image_of(shown[0])
    assert 300 < width <= 380 and image.width in (2 * width, 2 * width + 1)
    assert image.getpixel((0, 0)) == (0xFB, 0xFA, 0xF7), "it brings its own light ground along"


def test_a_transparent_ground_stays_and_noise_is_stored_small(shown):
    figure, ax = plt.subplots(figsize=(4, 4))
    figure.patch.set_alpha(0)
    ax.set_axis_off()
    ax.imshow(np.random.default_rng(0).random((200, 200, 3)))
    figure.subplots_adjust(left=0.1)
    show(figure, "Noise.")
    image, _ = image_of(shown[0])
    assert image.mode == "RGBA" and image.getpixel((0, 0))[3] == 0
    assert len(shown[0]["text/html"]) < 0.7 * image.width * image.height * 3


@pytest.mark.parametrize("caption", ["", " \n "])
def test_a_figure_without_caption_is_refused(caption):
    with pytest.raises(ValueError, match="caption must say what the figure shows"):
        show(plt.figure(), caption)
    plt.close("all")


def test_captions_as_html_and_as_plain_words():
    caption = "A [link](03_x.ipynb), `a * b < c`, $k \\times k * 2$ and *one* **two**: 3 * 4"
    assert as_html(caption) == (
        'A <a href="03_x.ipynb">link</a>, <code>a * b &lt; c</code>, $k \\times k * 2$ '
        "and <em>one</em> <strong>two</strong>: 3 * 4"
    )
    assert plain("A [link](x.md), `code`, $k \\times k$ and\n**bold**") == "A link, code, k times k and bold"
