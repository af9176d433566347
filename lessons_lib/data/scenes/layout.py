"""Where everything stands in a scene: every number of every image, before a pixel is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from lessons_lib.data.scenes.config import DUCK, HEN, SceneConfig
from lessons_lib.data.scenes.noise import lattice, picture_keys, uniforms, value_noise_at
from lessons_lib.data.scenes.palette import ground_tones, thing_tones

CROWD_SIDE = 4
"""A crowd is a jittered grid of 4×4 positions, some of them empty."""

CROWD_ORDER = 1
"""The depth order of a crowd: all its members stand behind the other things."""

UPRIGHT = 6
"""From this label on (pole, duck, hen) things only lean a little; the others turn freely."""

_PICTURE_FIELDS = (
    "count", "crowd", "crowd x", "crowd y", "crowd class", "kind", "shore", "lightness", "turn", "sun x", "sun y",
    *(f"{stuff} {part}" for stuff in ("ground", "water", "grass") for part in ("hue", "chroma", "lightness")),
)  # fmt: skip
_THING_FIELDS = (
    "class", "range", "radius", "x", "y", "angle", "quarter", "mirror", "beside", "same", "side angle",
    "side quarter", "gap", "depth", "hue", "second hue", "chroma", "side", "contrast", "pattern", "frequency",
    "phase", "gloss",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Layout:
    """The numbers of B images and of their M things; lengths in pixels.

    Things come image after image. `order` is the depth within the image (1 is farthest; all members of a crowd
    have 1), `layer` the turn in which a thing is painted. `cos`, `sin` turn the thing and `mirror` (±1) flips it.
    `shore` is how far the habitat field must lean to become stuff. `kind` (±1) is water or grass where an image has
    only one.
    """

    keys: Int64[Tensor, "B 2"]
    kind: Float[Tensor, " B"]
    shore: Float[Tensor, " B"]
    sun: Float[Tensor, "B 2"]
    ground_tones: Float[Tensor, "B 3 2 3"]
    picture: Int64[Tensor, " M"]
    order: Int64[Tensor, " M"]
    layer: Int64[Tensor, " M"]
    crowd: Bool[Tensor, " M"]
    label: Int64[Tensor, " M"]
    range: Int64[Tensor, " M"]
    radius: Float[Tensor, " M"]
    x: Float[Tensor, " M"]
    y: Float[Tensor, " M"]
    cos: Float[Tensor, " M"]
    sin: Float[Tensor, " M"]
    mirror: Float[Tensor, " M"]
    pattern: Int64[Tensor, " M"]
    frequency: Float[Tensor, " M"]
    phase: Float[Tensor, " M"]
    gloss: Float[Tensor, " M"]
    tones: Float[Tensor, "M 2 3"]

    def to(self, device: torch.device | str) -> "Layout":
        """The same numbers on `device`."""
        return Layout(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


def arrange(indices: Sequence[int], config: SceneConfig, seed: int) -> Layout:
    """Draw all the numbers of the images `indices`, on the CPU."""
    keys = picture_keys(indices, seed)
    picture = _numbers(keys, _PICTURE_FIELDS, torch.zeros(1, dtype=torch.int64), first=1)
    picture = {name: value[:, 0] for name, value in picture.items()}
    things = _place_things(keys, picture, config)
    if config.crowd_probability > 0:
        crowd = _place_crowd(keys, picture, config)
        things = {name: torch.cat([crowd[name], things[name]], dim=1) for name in things}
    tones, behind = ground_tones(picture)
    things["tones"] = thing_tones(things, behind)
    slots = torch.arange(things["x"].shape[1]).expand_as(things["x"])
    things["layer"] = torch.where(things["crowd"], slots, things["order"] + CROWD_SIDE * CROWD_SIDE)
    active = things.pop("active")
    things["picture"] = torch.arange(len(keys))[:, None].expand_as(active)
    sun = torch.stack([picture["sun x"], picture["sun y"]], dim=1)
    chosen = {f.name: things[f.name][active] for f in fields(Layout) if f.name in things}
    kind = torch.where(picture["kind"] < 0.5, -1.0, 1.0)
    return Layout(keys=keys, kind=kind, shore=0.06 + 0.3 * picture["shore"], sun=sun, ground_tones=tones, **chosen)


def habitat_lattice(keys: Int64[Tensor, "B 2"], size: int) -> tuple[Float[Tensor, "B GH GW"], int]:
    """The coarse field that decides what lies where, and its cell in pixels: low is water, high is grass."""
    cell = max(8, size * 3 // 8)
    return lattice(keys, 1, size, (cell, cell)), cell


def _numbers(keys: Tensor, names: tuple[str, ...], slots: Int64[Tensor, " S"], first: int) -> dict[str, Tensor]:
    """One uniform number in [0, 1) for each name, image and slot: name → (B, S)."""
    counters = (first << 28) + (slots[:, None] << 8) + torch.arange(len(names))
    values = uniforms(keys[:, None, None, :], counters)  # (B, S, F)
    return {name: values[:, :, f].contiguous() for f, name in enumerate(names)}


def _place_things(keys: Tensor, picture: dict[str, Tensor], config: SceneConfig) -> dict[str, Tensor]:
    most = config.objects[1]
    u = _numbers(keys, _THING_FIELDS, torch.arange(most), first=2)
    count = config.objects[0] + (picture["count"] * (most - config.objects[0] + 1)).floor()
    u["active"] = torch.arange(most) < count[:, None]
    u["range"] = (u["range"] * 3).long()
    low, high = torch.tensor(config.radii, dtype=torch.float32).unbind(1)
    share = low[u["range"]] + (high - low)[u["range"]] * u["radius"]
    u["radius"] = (share * config.size).clamp(min=3)
    u["label"] = torch.tensor(config.classes)[(u["class"] * len(config.classes)).long()]
    _place(u, picture, config)
    if config.clearing is not None:
        kind = torch.where(picture["kind"] < 0.5, DUCK, HEN)
        u["label"] = torch.where(u["label"] >= DUCK, kind[:, None], u["label"])
    elif {DUCK, HEN} <= set(config.classes):
        field, cell = habitat_lattice(keys, config.size)
        kind = torch.where(value_noise_at(field, cell, u["x"], u["y"]) < 0.5, DUCK, HEN)
        u["label"] = torch.where(u["label"] >= DUCK, kind, u["label"])
    _turn(u)
    nearness = u["depth"] * 0.2 - u["radius"] * (1 / config.size)  # large things tend to stand behind small ones
    u["order"] = CROWD_ORDER + 1 + nearness.argsort(dim=1, stable=True).argsort(dim=1)
    u["crowd"] = torch.zeros_like(u["active"])
    return u


def _place(u: dict[str, Tensor], picture: dict[str, Tensor], config: SceneConfig) -> None:
    """Choose centres: anywhere, or touching the partner; birds around one off-centre point in a clearing."""
    for name in ("x", "y"):
        anywhere = 0.06 + 0.88 * u[name]
        if config.clearing is not None:  # stuff must stay in view in the corner opposite the birds
            middle = picture[f"crowd {name}"][:, None]
            middle = torch.where(middle < 0.5, 0.15 + 0.4 * middle, 0.45 + 0.4 * middle)
            together = middle + 0.24 * (u[name] - 0.5)
            anywhere = torch.where(u["label"] >= DUCK, together, anywhere)
        u[name] = anywhere * config.size
    touching = u["beside"][:, 1::2] < config.beside
    partners = slice(0, 2 * touching.shape[1], 2)
    cos, sin = direction(u["side angle"], (u["side quarter"] * 4).long())
    reach = (u["radius"][:, partners] + u["radius"][:, 1::2]) * (0.7 + 0.25 * u["gap"][:, 1::2])
    for name, away in (("x", cos), ("y", sin)):
        place = (u[name][:, partners] + away[:, 1::2] * reach).clamp(0.04 * config.size, 0.96 * config.size)
        u[name][:, 1::2] = torch.where(touching, place, u[name][:, 1::2])
    same = touching & (u["same"][:, 1::2] < 0.5)
    u["label"][:, 1::2] = torch.where(same, u["label"][:, partners], u["label"][:, 1::2])


def _place_crowd(keys: Tensor, picture: dict[str, Tensor], config: SceneConfig) -> dict[str, Tensor]:
    """Many small things of one class that is no bird, on a jittered grid, all at the greatest depth."""
    u = _numbers(keys, _THING_FIELDS, torch.arange(CROWD_SIDE * CROWD_SIDE), first=3)
    u["active"] = (picture["crowd"] < config.crowd_probability)[:, None] & (u["class"] < 0.85)
    classes = torch.tensor([label for label in config.classes if label < DUCK])
    chosen = classes[(picture["crowd class"] * len(classes)).long()]
    u["label"] = chosen[:, None].expand_as(u["x"])
    u["range"] = torch.zeros_like(u["label"])
    u["radius"] = (config.radii[0][0] * (0.75 + 0.25 * u["radius"]) * config.size).clamp(min=3)
    places = torch.arange(CROWD_SIDE * CROWD_SIDE)
    for name, place in (("x", places % CROWD_SIDE), ("y", places // CROWD_SIDE)):
        middle = 0.25 + 0.5 * picture[f"crowd {name}"][:, None]
        u[name] = (middle + (place + 0.7 * u[name] - 0.35 - (CROWD_SIDE - 1) / 2) * 0.105) * config.size
    _turn(u)
    u["order"] = torch.full_like(u["label"], CROWD_ORDER)
    u["crowd"] = torch.ones_like(u["active"])
    return u


def _turn(u: dict[str, Tensor]) -> None:
    """Choose the rotation, the mirroring and the pattern of each thing."""
    free_cos, free_sin = direction(u["angle"], (u["quarter"] * 4).long())
    lean_cos, lean_sin = direction(0.3 * (u["angle"] - 0.5), torch.zeros_like(u["label"]))
    upright = u["label"] >= UPRIGHT
    u["cos"] = torch.where(upright, lean_cos, free_cos)
    u["sin"] = torch.where(upright, lean_sin, free_sin)
    u["mirror"] = torch.where(u["mirror"] < 0.5, -1.0, 1.0)
    u["pattern"] = (u["pattern"] * 4).long()
    u["frequency"] = 0.9 + 1.3 * u["frequency"]


def direction(t: Tensor, quarter: Tensor) -> tuple[Tensor, Tensor]:
    """A rational point of the circle: t in [0, 1) covers a quarter turn, `quarter` adds quarter turns."""
    square = t * t
    cos, sin = (1 - square) / (1 + square), 2 * t / (1 + square)
    odd = quarter % 2 == 1
    cos, sin = torch.where(odd, -sin, cos), torch.where(odd, cos, sin)
    sign = torch.where(quarter >= 2, -1.0, 1.0)
    return cos * sign, sin * sign
