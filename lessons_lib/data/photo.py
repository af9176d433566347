"""Real photographs: the one that comes with matplotlib, and where a folder of real ones lies."""

import os
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

REAL_DATA = "LESSONS_REAL_DATA"
"""The environment variable that names a folder of real pictures."""


def sample_photo() -> Float[Tensor, "3 H W"]:
    """The portrait of Grace Hopper that every matplotlib carries, 600 × 512 pixels."""
    from matplotlib import cbook  # only here, so that reading other pictures needs no matplotlib

    return read_image(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))


def real_set() -> Path | None:
    """The first folder in COCO's layout at hand: the one that LESSONS_REAL_DATA names, or one inside it; else None.

    A folder in COCO's layout holds `annotations/instances_val2017.json`, with the photographs in `val2017/`.
    """
    named = os.environ.get(REAL_DATA)
    if not named:
        return None
    folders = [Path(named), *sorted(Path(named).glob("*/"))]
    return next((folder for folder in folders if (folder / "annotations" / "instances_val2017.json").is_file()), None)


def read_image(path: Path | str) -> Float[Tensor, "3 H W"]:
    """Read a picture file as RGB in [0, 1]; grey-scale and palette pictures become RGB too."""
    with Image.open(path) as picture:
        return image_to_tensor(picture)


def image_to_tensor(picture: Image.Image) -> Float[Tensor, "3 H W"]:
    """A PIL picture as RGB in [0, 1]: bytes over 255."""
    pixels = torch.from_numpy(np.array(picture.convert("RGB")))  # (H, W, 3)
    return pixels.permute(2, 0, 1).contiguous().to(torch.float32).div_(255)
