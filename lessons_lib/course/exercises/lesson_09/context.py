"""Exercise 09.6: a context block that starts as the identity, to be built."""

import torch
from torch import nn

from lessons_lib.course.exercises.engine.building import built
from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.models.semantic import dilated


class ContextBlockByLibrary(nn.Module):
    """The library's context module without its noise, under the name that the exercise gives it."""

    def __init__(self, channels, dilations):
        super().__init__()
        self.layers = dilated.context_module(channels, dilations, noise=0.0)

    def forward(self, x):
        return self.layers(x)


def block_cases():
    """Three dilations and two images; one dilation; one image, to be learned."""
    generator = torch.Generator().manual_seed(96)

    def rand(*shape):
        return torch.randn(*shape, generator=generator)

    return [
        {"channels": 3, "dilations": (1, 2, 4), "x": rand(2, 3, 8, 9)},
        {"channels": 2, "dilations": (2,), "x": rand(2, 2, 4, 4)},
        {"channels": 2, "dilations": (1, 3), "x": rand(1, 2, 7, 6)},
    ]


BLOCK = Exercise(
    "09.6",
    "Build a context block",
    difficulty=3,
    minutes=25,
    oracle=ContextBlockByLibrary,
    cases=block_cases,
    trial=built(ContextBlockByLibrary, loss=lambda output: (output - 1).square().mean(), start=True),
    hints=(
        "A convolution of dilation d keeps the size of the map with padding d. Make a list: for each dilation such a "
        "convolution and an nn.ReLU(), and at the end a convolution of 1 × 1.",
        "self.layers = nn.Sequential(*layers), so that the parameters are called layers.0.weight, layers.0.bias, "
        "layers.2.weight, …",
        "For each convolution: nn.init.zeros_(layer.bias) and nn.init.dirac_(layer.weight), which writes the identity; "
        "or copy identity_weight(channels, channels, channels, k) into it under torch.no_grad().",
    ),
)


@BLOCK.model
class ContextBlock(nn.Module):
    def __init__(self, channels, dilations):
        super().__init__()
        layers = []
        for d in dilations:
            layers += [nn.Conv2d(channels, channels, 3, padding=d, dilation=d), nn.ReLU()]
        layers.append(nn.Conv2d(channels, channels, 1))
        for layer in layers[::2]:
            nn.init.dirac_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


@BLOCK.flags(
    random_start="This looks like torch's own random start. It would add noise to the features that come in: start "
    "each layer as the identity.",
    random_bias="This looks like biases that start at random. The identity adds nothing: set them to 0.",
    random_last="This looks like a last layer that starts at random. The 1 × 1 convolution starts as the identity too.",
    corner="This looks like the identity's tap in the corner of the kernel. It looks straight down: the middle one, "
    "[1, 1]; any other moves the map.",
    mixes="This looks like middle taps of 1 between all channels. The identity hands each channel to itself alone.",
    no_dilation="This looks like dilation 1 everywhere: the field stays small. Layer i has dilations[i].",
    padding_1="This looks like padding 1 everywhere. A 3 × 3 kernel of dilation d reaches d cells to each side: "
    "padding d keeps the size.",
    no_relu="This looks like convolutions without ReLU: together they are one linear map.",
    last_relu="This looks like a ReLU after the last layer too. The 1 × 1 convolution returns its sums as they are.",
    no_last="This looks like a block without its 1 × 1 convolution at the end.",
    residual="This looks like the input added to the output, which would be the identity with weights of 0. Here the "
    "weights themselves are the identity.",
)
class WrongBlock(nn.Module):
    """A context block with mistakes."""

    def __init__(
        self,
        channels,
        dilations,
        *,
        random_start=False,
        random_bias=False,
        random_last=False,
        corner=False,
        mixes=False,
        no_dilation=False,
        padding_1=False,
        no_relu=False,
        last_relu=False,
        no_last=False,
        residual=False,
    ):
        super().__init__()
        layers, self.residual = [], residual
        for d in dilations:
            dilation = 1 if no_dilation else d
            layer = nn.Conv2d(channels, channels, 3, padding=1 if padding_1 else dilation, dilation=dilation)
            layers += [layer, nn.Identity() if no_relu else nn.ReLU()]
        layers += [] if no_last else [nn.Conv2d(channels, channels, 1)]
        layers += [nn.ReLU()] if last_relu else []
        for layer in (one for one in layers if isinstance(one, nn.Conv2d)):
            last = layer.kernel_size == (1, 1)
            if not (random_start or (random_last and last)):
                nn.init.dirac_(layer.weight)
                with torch.no_grad():
                    layer.weight.copy_(
                        layer.weight.amax(1, keepdim=True).expand_as(layer.weight) if mixes else layer.weight
                    )
                    layer.weight.copy_(layer.weight.roll((-1, -1), (2, 3)) if corner and not last else layer.weight)
            if not random_bias:
                nn.init.zeros_(layer.bias)
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        y = self.layers(x)
        return x + y if self.residual else y
