"""The settings of a mask head, with the paper's numbers, and the small ones of the lessons."""

from dataclasses import dataclass, replace

from lessons_lib.ops.pasting import CONVENTIONS


@dataclass(frozen=True)
class MaskConfig:
    """The third head of Mask R-CNN (He et al., arXiv:1703.06870), as it is usual with a feature pyramid.

    levels: the maps that regions are read from, by RoIAlign or RoIPool as the detector's `operator` says; None: those
        of the detector's regions. "m1" is a `FineMap` of `fine_width` channels. sampling: samples a bin and side.
    region_size: bins a side; the masks have twice as many cells a side, or as many after "res5", which halves them.
    most: objects of an image whose masks a step learns, drawn among the detector's regions; None: all of them. The
        paper has no such limit; a small model learns faster with few.
    head: "fcn": `depth` 3 × 3 convolutions of `width` channels and a transposed one; "mlp": two fully connected layers
        of `width` units before the one that draws, as in the paper's table 2e; "res5": the backbone's last stage and a
        transposed convolution of `width` channels, where there is no neck (figure 4, left). norm: BatchNorm in the
        convolutions instead of biases.
    loss: "sigmoid": every class asks by itself whether a pixel is the object's; "softmax": classes compete for each
        pixel, background among them (table 2b).
    class_agnostic: one mask for a region instead of one for each class.
    threshold: a pixel is the object's from more than this probability on. pasting: a convention of `paste_masks`.
    """

    levels: tuple[str, ...] | None = None
    fine_width: int = 24
    sampling: int = 2
    region_size: int = 14
    most: int | None = None
    head: str = "fcn"
    depth: int = 4
    width: int = 256
    norm: bool = False
    loss: str = "sigmoid"
    class_agnostic: bool = False
    threshold: float = 0.5
    pasting: str = "exact"

    def __post_init__(self) -> None:
        choices = (("head", ("fcn", "mlp", "res5")), ("loss", ("sigmoid", "softmax")), ("pasting", CONVENTIONS))
        for name, allowed in choices:
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be {' or '.join(map(repr, allowed))}, got {getattr(self, name)!r}")
        if self.loss == "softmax" and self.class_agnostic:
            raise ValueError("loss must be 'sigmoid' for class-agnostic masks, which have nobody to compete with")
        if self.most is not None and self.most < 1:
            raise ValueError(f"most must be ≥ 1 or None, got {self.most}")

    @property
    def mask_size(self) -> int:
        """Cells of a mask a side, the paper's m."""
        return self.region_size if self.head == "res5" else 2 * self.region_size


C4_MASKS = MaskConfig(head="res5")
"""Masks without a neck: 14 × 14 bins are 7 × 7 cells after the last stage, and 14 × 14 after the transposed one."""

TINY_MASKS = MaskConfig(levels=("m1",), most=4, depth=2, width=24)
"""What learns scenes of 96 pixels in a minute on one CPU thread: four masks an image, from a map of stride 2."""

TINY_COARSE_MASKS = replace(TINY_MASKS, levels=None)
"""The same from the detector's own map: without a neck, of stride 8; with TDM, of stride 4."""
