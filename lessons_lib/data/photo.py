"""Real photographs: the one that comes with matplotlib, and a folder of one's own."""

import os
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

REAL_DATA = "LESSONS_REAL_DATA"
"""The environment variable that names the folder of small real sets."""


def sample_photo() -> Float[Tensor, "3 H W"]:
    """The portrait of Grace Hopper that every matplotlib carries, 600 × 512 pixels."""
    from matplotlib import cbook  # only here, so that reading other pictures needs no matplotlib

    return read_image(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))


def real_photos(folder: Path | str | None = None) -> list[Path]:
    """The JPEG and PNG files in `folder`, sorted by name; without a folder, the small COCO set where it is at hand.

    That set is `coco2017_ccby136/val2017` in the folder named by LESSONS_REAL_DATA. Where nothing is there the list is
    empty. Raises NotADirectoryError for a given folder that does not exist.
    """
    if folder is None:
        root = os.environ.get(REAL_DATA)
        folder = Path(root) / "coco2017_ccby136" / "val2017" if root else None
        if folder is None or not folder.is_dir():
            return []
    folder = Path(folder)
    if not folder.is_dir():
        raise NotADirectoryError(f"folder must be an existing folder of photographs, got {folder}")
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))


def read_image(path: Path | str) -> Float[Tensor, "3 H W"]:
    """Read a picture file as RGB in [0, 1]; grey-scale and palette pictures become RGB too."""
    with Image.open(path) as picture:
        return image_to_tensor(picture)


def image_to_tensor(picture: Image.Image) -> Float[Tensor, "3 H W"]:
    """A PIL picture as RGB in [0, 1]: bytes over 255."""
    pixels = torch.from_numpy(np.array(picture.convert("RGB")))  # (H, W, 3)
    return pixels.permute(2, 0, 1).contiguous().to(torch.float32) / 255
