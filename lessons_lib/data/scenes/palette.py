"""Colours of a scene: muted tones for the ground, drawn apart from the class for the things.

A colour is a hue, a chroma and a lightness. Lightness decides contrast: everything behind the things lies near one
lightness per image, and each thing stands off from it, brighter or darker. Nothing here knows a thing's class.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def tone(
    hue: Float[Tensor, "*shape"], chroma: Float[Tensor, "*shape"], lightness: Float[Tensor, "*shape"]
) -> Float[Tensor, "*shape 3"]:
    """RGB in [0, 1] of a hue (a turn is 1, red at 0), a chroma in [0, 1] and a lightness in [0, 1].

    Lightness is the weighted sum 0.3 R + 0.59 G + 0.11 B, kept exactly unless a channel is cut off at 0 or 1.
    """
    turn = 6 * (hue - hue.floor())
    red = ((turn - 3).abs() - 1).clamp(0, 1)
    green = (2 - (turn - 2).abs()).clamp(0, 1)
    blue = (2 - (turn - 4).abs()).clamp(0, 1)
    grey = red * 0.3 + green * 0.59 + blue * 0.11
    channels = [lightness + chroma * (channel - grey) for channel in (red, green, blue)]
    return torch.stack(channels, dim=-1).clamp(0, 1)


def ground_tones(u: dict[str, Float[Tensor, " B"]]) -> tuple[Float[Tensor, "B 3 2 3"], Float[Tensor, " B"]]:
    """Dark and light tone of ground, water and grass, and the image's lightness.

    The hue ranges overlap, and turn together by a little in each image, so a hue does not name the stuff.
    """
    lightness = 0.34 + 0.34 * u["lightness"]
    turn = 0.24 * (u["turn"] - 0.5)
    ranges = {"ground": (0.02, 0.20), "water": (0.36, 0.32), "grass": (0.17, 0.30)}
    tones = []
    for name, (start, width) in ranges.items():
        hue = start + width * u[f"{name} hue"] + turn
        chroma = 0.12 + 0.26 * u[f"{name} chroma"]
        middle = lightness + 0.08 * (u[f"{name} lightness"] - 0.5)
        dark = tone(hue + 0.03, chroma, middle - 0.11)
        light = tone(hue - 0.03, chroma * 0.8, middle + 0.11)
        tones.append(torch.stack([dark, light], dim=1))
    return torch.stack(tones, dim=1), lightness


def thing_tones(u: dict[str, Float[Tensor, "B S"]], behind: Float[Tensor, " B"]) -> Float[Tensor, "B S 2 3"]:
    """Two tones for each thing, both on the same side of the lightness behind it."""
    up = (u["side"] < 0.5) & (behind < 0.6)[:, None] | (behind < 0.42)[:, None]
    side = torch.where(up, 1.0, -1.0)
    first = (behind[:, None] + side * (0.22 + 0.16 * u["contrast"])).clamp(0.08, 0.94)
    second = (first + side * 0.16).clamp(0.05, 0.97)
    chroma = 0.12 + 0.6 * u["chroma"]
    tones = [tone(u["hue"], chroma, first), tone(u["hue"] + u["second hue"], chroma, second)]
    return torch.stack(tones, dim=2)
