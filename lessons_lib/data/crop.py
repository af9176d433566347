"""Pictures of one size for a batch: resized by the shorter side and cropped to a square, with all that is in them."""

import torch
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

from lessons_lib.data.objects import with_boxes, with_masks
from lessons_lib.data.sample import Sample


def resize_short_side(sample: Sample, size: int) -> Sample:
    """The sample with its shorter side `size` pixels long, ≥ 1, and its proportions kept to the nearest pixel.

    The picture is averaged (antialiased bilinear); label map and masks take the nearest pixel, since a class between
    two classes is none. Boxes become tight around the masks, and move with the image where there are no masks; an
    instance that keeps no pixel is dropped.
    """
    if size < 1:
        raise ValueError(f"size must be ≥ 1, got {size}")
    height, width = sample.label_map.shape
    short = min(height, width)
    shape = [max(1, round(side * size / short)) for side in (height, width)]
    if shape == [height, width]:
        return sample
    image = F.resize(sample.image, shape, InterpolationMode.BILINEAR, antialias=True).clamp(0, 1)
    label_map = F.resize(sample.label_map[None], shape, InterpolationMode.NEAREST_EXACT)[0]
    masks = sample.instances.masks
    if masks is None:
        scale = image.new_tensor([shape[1] / width, shape[0] / height] * 2)
        return Sample(image, label_map, with_boxes(sample.instances, sample.instances.boxes * scale, tuple(shape)))
    if len(masks):
        masks = F.resize(masks.to(torch.uint8), shape, InterpolationMode.NEAREST_EXACT).bool()
    return Sample(image, label_map, with_masks(sample.instances, masks.reshape(-1, *shape)))


def crop(sample: Sample, top: int, left: int, height: int, width: int) -> Sample:
    """The window of a sample whose first pixel is (top, left); instances outside it are dropped.

    Boxes become tight around what is left of the masks. ValueError for a window that leaves the picture.
    """
    size = tuple(sample.label_map.shape)
    if not (0 <= top < top + height <= size[0] and 0 <= left < left + width <= size[1]):
        window = f"rows {top} to {top + height}, columns {left} to {left + width}"
        raise ValueError(f"window must lie within {size}, got {window}")
    rows, columns = slice(top, top + height), slice(left, left + width)
    if sample.instances.masks is None:
        boxes = sample.instances.boxes - sample.image.new_tensor([left, top] * 2)
        instances = with_boxes(sample.instances, boxes, (height, width))
    else:
        instances = with_masks(sample.instances, sample.instances.masks[:, rows, columns].contiguous())
    return Sample(sample.image[:, rows, columns].contiguous(), sample.label_map[rows, columns].contiguous(), instances)


def random_square(sample: Sample, generator: torch.Generator, size: int) -> Sample:
    """A square of `size` pixels: the shorter side is resized to it, and the place on the longer one is drawn."""
    sample = resize_short_side(sample, size)
    height, width = sample.label_map.shape
    top = int(torch.randint(height - size + 1, (), generator=generator))
    left = int(torch.randint(width - size + 1, (), generator=generator))
    return crop(sample, top, left, size, size)
