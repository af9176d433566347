"""Batches for the tests of semantic models: scenes, and pictures of any size with any labels."""

import torch

from lessons_lib.data.sample import Batch, Instances, Sample, collate
from lessons_lib.data.scenes import draw_scenes


def scenes(*indices) -> Batch:
    return collate(draw_scenes(indices))


def labelled(images, label_maps) -> Batch:
    """A batch of pictures (B, 3, H, W) and label maps without any instances."""
    none = torch.zeros(0, *images.shape[2:], dtype=torch.bool)
    nobody = Instances(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), none)
    return collate([Sample(image, label_map, nobody) for image, label_map in zip(images, label_maps, strict=True)])


def random_batch(count, height, width, classes) -> Batch:
    return labelled(torch.rand(count, 3, height, width), torch.randint(classes, (count, height, width)))
