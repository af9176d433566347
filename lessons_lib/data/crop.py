"""Images of one size for a batch: resized by the shorter side and cropped to a square, with all that is in them."""

from dataclasses import replace

import torch
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

from lessons_lib.data.objects import with_boxes, with_masks
from lessons_lib.data.sample import Sample


def resize_short_side(sample: Sample, size: int) -> Sample:
    """The sample with its shorter side `size` pixels long, ≥ 1, and its proportions kept to the nearest pixel.

    The image is averaged (antialiased bilinear); label map and masks take the nearest pixel, since a class between
    two classes is none. Boxes become tight around the masks; an instance that keeps no pixel is dropped.
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
        down, across = shape[0] / height, shape[1] / width
        boxes = sample.instances.boxes * sample.instances.boxes.new_tensor([across, down, across, down])
        return Sample(image, label_map, with_boxes(sample.instances, boxes))
    if len(masks):
        masks = F.resize(masks.to(torch.uint8), shape, InterpolationMode.NEAREST_EXACT).bool()
    return Sample(image, label_map, with_masks(sample.instances, masks.reshape(-1, *shape)))


def crop(sample: Sample, top: int, left: int, height: int, width: int) -> Sample:
    """The window of a sample whose first pixel is (top, left); instances outside it are dropped.

    Boxes become tight around what is left of the masks. ValueError for a window that leaves the image.
    """
    size = tuple(sample.label_map.shape)
    if not (0 <= top < top + height <= size[0] and 0 <= left < left + width <= size[1]):
        window = f"rows {top} to {top + height}, columns {left} to {left + width}"
        raise ValueError(f"window must lie within {size}, got {window}")
    rows, columns = slice(top, top + height), slice(left, left + width)
    if sample.instances.masks is None:
        boxes = sample.instances.boxes - sample.instances.boxes.new_tensor([left, top, left, top])
        end = boxes.new_tensor([width, height, width, height])
        instances = with_boxes(sample.instances, boxes.clamp(min=0).minimum(end))
    else:
        instances = with_masks(sample.instances, sample.instances.masks[:, rows, columns].contiguous())
    return Sample(sample.image[:, rows, columns].contiguous(), sample.label_map[rows, columns].contiguous(), instances)


def random_square(sample: Sample, generator: torch.Generator, size: int) -> Sample:
    """A square of `size` pixels: the shorter side is resized to it, and the position on the longer one is drawn."""
    sample = resize_short_side(sample, size)
    height, width = sample.label_map.shape
    top = int(torch.randint(height - size + 1, (), generator=generator))
    left = int(torch.randint(width - size + 1, (), generator=generator))
    return crop(sample, top, left, size, size)


def random_window(sample: Sample, generator: torch.Generator, size: int) -> Sample:
    """A square of `size` pixels at the image's own scale, anywhere in it; a smaller image is resized to it first."""
    if min(sample.label_map.shape) < size:
        sample = resize_short_side(sample, size)
    height, width = sample.label_map.shape
    top, left = (int(torch.randint(side - size + 1, (), generator=generator)) for side in (height, width))
    return crop(sample, top, left, size, size)


def tiles(sample: Sample, size: int) -> list[Sample]:
    """The squares of `size` pixels that fit side by side into a sample, from the corner on, row by row."""
    height, width = sample.label_map.shape
    corners = [(y, x) for y in range(0, height - size + 1, size) for x in range(0, width - size + 1, size)]
    return [crop(sample, y, x, size, size) for y, x in corners]


def middle_square(sample: Sample, size: int) -> Sample:
    """The square of `size` pixels in the middle, after the shorter side is resized to it."""
    sample = resize_short_side(sample, size)
    height, width = sample.label_map.shape
    return crop(sample, (height - size) // 2, (width - size) // 2, size, size)


def mirrored(sample: Sample) -> Sample:
    """The sample with left and right exchanged: the image, its label map, masks and boxes."""
    width, instances = sample.label_map.shape[1], sample.instances
    x0, y0, x1, y1 = instances.boxes.unbind(1)
    boxes = torch.stack([width - x1, y0, width - x0, y1], 1)
    masks = None if instances.masks is None else instances.masks.flip(2)
    return Sample(sample.image.flip(2), sample.label_map.flip(1), replace(instances, boxes=boxes, masks=masks))
