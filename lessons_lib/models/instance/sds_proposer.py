"""What proposes segments for SDS: a function of the image alone, so what was computed once is remembered."""

import hashlib
from collections import OrderedDict

import torch
from jaxtyping import Float
from torch import Tensor

from lessons_lib.models.instance.sds_config import SDSConfig
from lessons_lib.ops.segments import Segments, segment_proposals

REMEMBERED = 10_000
"""Images whose segments are kept in memory, about 40 kB each at 96 pixels; of more, the first ones go."""


class Proposer:
    """Calls `segment_proposals`, and of images that it has seen remembers the result: training sees them many times."""

    def __init__(self, config: SDSConfig) -> None:
        self.config = config
        self._known: OrderedDict[bytes, tuple[Tensor, Tensor]] = OrderedDict()

    def __call__(self, image: Float[Tensor, "3 H W"]) -> Segments:
        """The segments of an image, on its device; the same as without memory."""
        pixels = image.detach().cpu().contiguous()
        key = hashlib.blake2b(pixels.numpy().tobytes() + str(tuple(pixels.shape)).encode(), digest_size=16).digest()
        if key not in self._known:
            config = self.config
            found = segment_proposals(pixels, config.proposals, config.scale, config.min_size)
            self._known[key] = found.label_map.to(torch.int16), found.members
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        label_map, members = self._known[key]
        return Segments(label_map.long().to(image.device), members.to(image.device))
