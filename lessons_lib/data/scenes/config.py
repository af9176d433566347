"""What a scene may hold: the classes, the settings, and four presets."""

from dataclasses import dataclass

CLASSES = ("ground", "ball", "crate", "kite", "star", "ring", "pole", "duck", "hen", "water", "grass")
"""Names of the labels 0 to 10: the ground, the eight things, and two kinds of stuff."""

DUCK, HEN, WATER, GRASS = 7, 8, 9, 10
THINGS = tuple(range(1, 9))


@dataclass(frozen=True)
class SceneConfig:
    """Settings of the procedural images.

    size: height and width in pixels, 32 to 1024.
    objects: fewest and most objects placed in an image, 0 to 10; those that end up hidden are not drawn.
    classes: the thing labels to draw from, among 1 to 8.
    radii: the ranges (small, medium, large) an object's radius comes from, as fractions of `size`, each equally likely.
    beside: how often the second object of a pair is placed touching the first.
    void_border: if true, a pixel next to a nearer object is void, 255 in the label map and in no mask.
    crowd_probability: how often an image holds a crowd, many small objects of one class annotated as one.
    clearing: None lets ducks stand in water and hens on grass. A number makes the whole image water (its birds are
        ducks) or grass (hens), except that all stuff keeps at least this many pixels from a bird's bounding circle.
    min_visible: objects with fewer visible pixels than this are not drawn at all.
    """

    size: int = 96
    objects: tuple[int, int] = (1, 5)
    classes: tuple[int, ...] = THINGS
    radii: tuple[tuple[float, float], ...] = ((0.05, 0.08), (0.09, 0.14), (0.16, 0.24))
    beside: float = 0.5
    void_border: bool = True
    crowd_probability: float = 0.0
    clearing: float | None = None
    min_visible: int = 12

    def __post_init__(self) -> None:
        if not 32 <= self.size <= 1024:
            raise ValueError(f"size must be in [32, 1024], got {self.size}")
        if not 0 <= self.objects[0] <= self.objects[1] <= 10:
            raise ValueError(f"objects must be (fewest, most) with 0 ≤ fewest ≤ most ≤ 10, got {self.objects}")
        if not self.classes or not set(self.classes) <= set(THINGS):
            raise ValueError(f"classes must be labels among 1 to 8, at least one, got {self.classes}")
        if len(self.radii) != 3 or not all(0.02 <= low <= high <= 0.3 for low, high in self.radii):
            raise ValueError(f"radii must be three ranges (low, high) in [0.02, 0.3], got {self.radii}")
        for name in ("beside", "crowd_probability"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {getattr(self, name)}")
        if self.crowd_probability > 0 and min(self.classes) >= DUCK:
            raise ValueError(f"classes must hold one of 1 to 6 where crowds are drawn, got {self.classes}")
        if self.min_visible < 1:
            raise ValueError(f"min_visible must be ≥ 1, got {self.min_visible}")
        if self.clearing is not None:
            self._check_clearing(self.clearing)

    def _check_clearing(self, clearing: float) -> None:
        if not set(self.classes) & {DUCK, HEN}:
            raise ValueError(f"classes must hold ducks or hens (7, 8) where clearing is set, got {self.classes}")
        most = 0.6 * self.size - self.radii[-1][1] * self.size
        if not 0 <= clearing <= most:
            raise ValueError(f"clearing must be in [0, {most:.1f}] at size {self.size}, got {clearing}")


PRESETS = {
    "easy": SceneConfig(),
    "clear": SceneConfig(void_border=False),
    "context": SceneConfig(
        objects=(1, 3),
        classes=(DUCK, HEN),
        radii=((0.06, 0.08), (0.08, 0.11), (0.11, 0.14)),
        clearing=6.0,
    ),
    "islands": SceneConfig(
        objects=(3, 6),
        classes=(2, 5, 6, DUCK, HEN),
        radii=((0.06, 0.08), (0.08, 0.11), (0.11, 0.15)),
        clearing=20.0,
    ),
    "crowded": SceneConfig(
        objects=(6, 10),
        radii=((0.05, 0.075), (0.08, 0.12), (0.14, 0.2)),
        beside=0.7,
        crowd_probability=0.3,
    ),
}
"""Settings to start from; change one with `dataclasses.replace(PRESETS["easy"], size=64)`."""
