"""The command that trains on a folder: it can be parsed, and its model, size and batch fit what is there."""

import shlex

import pytest

from lessons_lib.__main__ import parser
from lessons_lib.data.look import Look
from lessons_lib.training.advice import BYTES_PER_PIXEL, advised_batch, advised_size, train_command


def words(memory=8e9, gpu=False, **fields):
    look = Look("labelme", (), **{"splits": {"train": 80, "val": 20}, "sizes": {(480, 640): 100}} | fields)
    command = shlex.split(train_command(look, "my pets", memory, gpu))
    assert command[:3] == ["python", "-m", "lessons_lib"]
    return parser().parse_args(command[3:])


def test_the_model_fits_what_is_labelled():
    assert words().model == words().weights == "mask_rcnn" and words().root == "my pets"
    assert words(lacks={"masks": "why", "label maps": "why"}).model == "faster_rcnn"
    assert words(lacks={"masks": "why", "boxes": "why"}).model == "fcn8s"


def test_what_else_the_command_says():
    assert not hasattr(words(), "data") and words(chosen=True).data == "labelme"
    assert not hasattr(words(), "on_error") and words(damaged=2).on_error == "skip"
    assert words(splits={"test": 9}).split == "test" and not hasattr(words(), "split")
    assert words().steps == 300 and words(splits={"train": 4000}).steps == 3000


@pytest.mark.parametrize(
    ("sizes", "gpu", "side"),
    [([(480, 640)], False, 192), ([(480, 640)], True, 480), ([(100, 90)], False, 64), ([(3000, 4000)], True, 512),
     ([(10, 10)], True, 128), ([(100, 500), (130, 500), (400, 500)], False, 128), ([], False, 192)],
)  # fmt: skip
def test_the_side_is_that_of_the_images_within_limits(sizes, gpu, side):
    assert advised_size(sizes, gpu) == side


def test_the_batch_fits_half_the_memory_and_the_images():
    one = 192 * 192 * BYTES_PER_PIXEL
    assert [advised_batch(192, 2.0 * one * n, 100) for n in (0.1, 1.9, 2, 3.9, 4, 8, 100)] == [1, 1, 2, 2, 4, 8, 8]
    assert [advised_batch(64, 1e12, images) for images in (0, 1, 2, 3, 7, 8)] == [1, 1, 2, 2, 4, 8]
