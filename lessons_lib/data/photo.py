"""Real photographs: the one that comes with matplotlib, and where a folder of real ones lies."""

import os
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

REAL_DATA = "LESSONS_REAL_DATA"
"""The environment variable that names a folder of real images."""


def sample_photo() -> Float[Tensor, "3 H W"]:
    """The portrait of Grace Hopper that every matplotlib carries, 600 × 512 pixels."""
    from matplotlib import cbook  # only here, so that reading other images needs no matplotlib

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
    """Read an image file as RGB in [0, 1]; grey-scale and palette images become RGB too.

    The pixels are those that are stored, as torchvision reads them: an EXIF orientation turns nothing.
    Raises ValueError with the file's name for numbers of an unknown range: see `image_to_tensor`.
    """
    with Image.open(path) as picture:
        try:
            return image_to_tensor(picture)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error


def image_to_tensor(picture: Image.Image) -> Float[Tensor, "3 H W"]:
    """A PIL image as RGB in [0, 1]: 8 bits over 255, 16 bits over 65,535.

    Raises ValueError for 32-bit integers and floats, whose range no format says.
    """
    of_16_bits = picture.mode == "I" and picture.format in ("PNG", "PPM")  # they have 16 bits at most
    if picture.mode.startswith("I;16") or of_16_bits:
        grey = torch.from_numpy(np.array(picture).astype(np.float32)).div_(65535)
        return grey.expand(3, *grey.shape).contiguous()
    if picture.mode in ("I", "F"):
        kind = "32-bit integers" if picture.mode == "I" else "floating-point numbers"
        raise ValueError(f"an image must hold 8 or 16 bits per channel, got {kind} (mode {picture.mode})")
    pixels = torch.from_numpy(np.array(picture.convert("RGB")))  # (H, W, 3)
    return pixels.permute(2, 0, 1).contiguous().to(torch.float32).div_(255)
