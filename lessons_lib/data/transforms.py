"""Joint transforms: flip, scale, crop and colour that keep image, label map, masks and boxes together.

They are torchvision's transforms v2 on its tv_tensors: any v2 transform works on a sample through `transform_sample`.
"""

import torch
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

from lessons_lib.data.objects import with_boxes, with_masks
from lessons_lib.data.sample import VOID, Sample


class LabelMap(tv_tensors.Mask):
    """A label map among the tv_tensors: moved as a mask is, but with its own filling where an image is padded."""


FILL = {tv_tensors.Image: 0.0, LabelMap: VOID, tv_tensors.Mask: 0}
"""What padding means: black pixels, void labels, no mask. For the argument `fill` of v2's transforms."""


def transform_sample(sample: Sample, transform: v2.Transform) -> Sample:
    """The sample under one v2 transform, whose random numbers are the same for everything in it.

    Boxes are made anew, tight around the moved masks, or moved where there are none; objects that keep no pixel are
    dropped. Numbers come from torch's global generator. Where a transform pads, give it `fill=FILL`, so that new pixels
    are void.
    Raises ValueError where the transform leaves the parts with different sizes.
    """
    instances = sample.instances
    parts = {"image": tv_tensors.Image(sample.image), "label_map": LabelMap(sample.label_map)}
    if instances.masks is None:
        size = (sample.label_map.shape[0], sample.label_map.shape[1])
        parts["boxes"] = tv_tensors.BoundingBoxes(instances.boxes, format="XYXY", canvas_size=size)
    else:
        parts["masks"] = tv_tensors.Mask(instances.masks)
    moved = {name: part.as_subclass(torch.Tensor) for name, part in transform(parts).items()}
    objects = with_masks(instances, moved["masks"]) if "masks" in moved else with_boxes(instances, moved["boxes"])
    return Sample(moved["image"], moved["label_map"], objects)


class RandomScale(v2.Transform):
    """Resize by a factor drawn evenly from [low, high]; sides are rounded, and at least 1 pixel.

    The image is averaged (antialiased bilinear). Label map and masks take the pixel nearest to each new centre, as a
    class between two classes is none; v2's own resize of masks takes the one up and left of it, up to half a pixel off.
    """

    def __init__(self, low: float, high: float):
        super().__init__()
        if not 0 < low <= high:
            raise ValueError(f"low and high must be 0 < low ≤ high, got {low} and {high}")
        self.low, self.high = low, high

    def make_params(self, flat_inputs: list) -> dict:
        """Draw the factor, and with it the new size."""
        factor = torch.empty(()).uniform_(self.low, self.high).item()
        height, width = flat_inputs[0].shape[-2:]
        return {"size": [max(1, round(height * factor)), max(1, round(width * factor))]}

    def transform(self, inpt: torch.Tensor, params: dict) -> torch.Tensor:
        """Resize one part."""
        size, plain = params["size"], inpt.as_subclass(torch.Tensor)
        if isinstance(inpt, tv_tensors.BoundingBoxes):
            scale = plain.new_tensor([size[1] / inpt.canvas_size[1], size[0] / inpt.canvas_size[0]] * 2)
            return tv_tensors.BoundingBoxes(plain * scale, format="XYXY", canvas_size=tuple(size))
        if not isinstance(inpt, tv_tensors.Mask):
            resized = F.resize(plain, size, InterpolationMode.BILINEAR, antialias=True).clamp(0, 1)
        elif plain.numel() == 0:
            resized = plain.new_zeros(*plain.shape[:-2], *size)
        else:
            stack = plain.reshape(-1, *plain.shape[-2:])  # a label map has no channel of its own
            stack = stack.to(torch.uint8) if stack.dtype == torch.bool else stack
            resized = F.resize(stack, size, InterpolationMode.NEAREST_EXACT).to(plain.dtype)
            resized = resized.reshape(*plain.shape[:-2], *size)
        return tv_tensors.wrap(resized, like=inpt)


def training_transform(
    size: int, scales: tuple[float, float] = (0.5, 2.0), flip: float = 0.5, colour: float = 0.2
) -> v2.Transform:
    """The usual augmentation of segmentation: flip, scale, crop to size × size (void outside), jitter the colours.

    flip: how often the image is mirrored. scales: the range of factors. colour: the strength of v2.ColorJitter's
    brightness, contrast and saturation; its hue moves by a quarter of it.
    """
    if size < 1:
        raise ValueError(f"size must be ≥ 1, got {size}")
    if not 0 <= flip <= 1:
        raise ValueError(f"flip must be in [0, 1], got {flip}")
    if not 0 <= colour <= 1:
        raise ValueError(f"colour must be in [0, 1], got {colour}")
    steps = [v2.RandomHorizontalFlip(flip), RandomScale(*scales)]
    steps.append(v2.RandomCrop(size, pad_if_needed=True, fill=FILL))
    steps.append(v2.ColorJitter(colour, colour, colour, colour / 4))
    return v2.Compose(steps)
