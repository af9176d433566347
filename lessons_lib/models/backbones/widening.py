"""A wider network that begins as the same function as a narrow one: Net2WiderNet (Chen et al., arXiv:1511.05641)."""

import torch
from torch import Tensor, nn

from lessons_lib.models.backbones.tiny import TinyBackbone


@torch.no_grad()
def widen(narrow: TinyBackbone, wide: TinyBackbone) -> None:
    """Gives `wide` weights with which its maps are those of `narrow`, the first channels once more behind the others.

    A channel that a layer reads several times is shared out among its copies. What reads the maps of `wide` with fresh
    weights tells copies apart, so they do not stay alike in training. Raises ValueError for a map with fewer channels.
    """
    before = list(range(3))
    for name, old, new in zip(narrow.channels, _convolutions(narrow), _convolutions(wide), strict=True):
        count, wanted = narrow.channels[name], wide.channels[name]
        if wanted < count:
            raise ValueError(f"wide must have ≥ {count} channels in {name}, got {wanted}")
        source = [channel % count for channel in range(wanted)]
        copies = torch.tensor([before.count(channel) for channel in before]).view(1, -1, 1, 1)
        new.weight.copy_(old.weight[source][:, before] / copies)
        _bias(new).copy_(_bias(old)[source])
        before = source


def _convolutions(trunk: TinyBackbone) -> list[nn.Conv2d]:
    return [layer for layer in trunk.modules() if isinstance(layer, nn.Conv2d)]


def _bias(layer: nn.Conv2d) -> Tensor:
    return layer.get_parameter("bias")
