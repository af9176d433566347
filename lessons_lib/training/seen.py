"""Whether a model is judged on images that it has learned from, which nobody may call unseen."""

import torch
from torch import Tensor

from lessons_lib.data.files import DamagedFile
from lessons_lib.data.open import spec_of
from lessons_lib.training.sampling import Indexed

LOOKED_AT = 3
"""Of how many images with the same name the pixels are compared: frames of two films may be called alike."""


def shared_images(learned: Indexed, judged: Indexed, data: str, learned_split: str, judged_split: str) -> str | None:
    """In words, how many of the images that a model is judged on it has learned from; None if none of them.

    Two splits share an image where both name it and the pixels are the same.
    """
    spec = spec_of(data)
    if spec.own_split(learned_split) == spec.own_split(judged_split):
        both = min(len(learned), len(judged))
    else:
        both = _alike(learned, judged)
    if not both:
        return None
    return f"of which it has learned from {'all' if both == len(judged) else f'{both} of {len(judged)}'}"


def _alike(learned: Indexed, judged: Indexed) -> int:
    """How many names two splits share, or 0 if the images behind the first of these names differ."""
    names = [getattr(samples, "names", ()) for samples in (learned, judged)]
    at = [{name: index for index, name in enumerate(of_one)} for of_one in names]
    both = sorted(at[0].keys() & at[1].keys())
    for name in both[:LOOKED_AT]:
        one, other = (_image(samples, where[name]) for samples, where in zip((learned, judged), at, strict=True))
        if one is not None and other is not None and torch.equal(one, other):
            return len(both)
    return 0


def _image(samples: Indexed, index: int) -> Tensor | None:
    try:
        return samples[index].image
    except DamagedFile:
        return None
