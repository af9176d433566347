"""The rows of the scoreboard: the systems of the lecture, as the zoo builds them."""

from dataclasses import dataclass, field
from typing import Any

from lessons_lib.models.zoo import find_model

LARGER = {"tiny": "tiny_wide", "resnet18": "resnet50", "resnet50": "resnext101"}
"""The backbone of the row with a larger one, beside the backbone of all others."""


@dataclass(frozen=True)
class System:
    """One row.

    words: what a table calls it. model, options: of the zoo. larger: its backbone is the next larger one.
    """

    words: str
    model: str
    options: dict[str, Any] = field(default_factory=dict)
    larger: bool = False

    @property
    def has_masks(self) -> bool:
        """Whether it finds masks, or boxes alone."""
        return find_model(self.model).task != "detection"

    def backbone(self, usual: str) -> str:
        """Its backbone's name, where that of most systems is `usual`. ValueError where no larger one is known."""
        if not self.larger:
            return usual
        if usual not in LARGER:
            raise ValueError(f"backbone must be one of {', '.join(LARGER)} for a row with a larger one, got {usual!r}")
        return LARGER[usual]


SYSTEMS = {
    "sds": System("SDS", "sds"),
    "mnc": System("MNC", "mnc"),
    "fcis": System("FCIS", "fcis", {"hard_examples": False}),
    "fcis_ohem": System("FCIS + OHEM", "fcis", {"hard_examples": True}),
    "mask_rcnn_c4": System("Mask R-CNN, C4", "mask_rcnn", {"neck": "c4"}),
    "mask_rcnn_fpn": System("Mask R-CNN, FPN", "mask_rcnn"),
    "mask_rcnn_wide": System("Mask R-CNN, FPN, larger", "mask_rcnn", larger=True),
    "recurrent": System("Recurrent", "recurrent", {"classes": True}),
    "faster_rcnn_c4": System("Faster R-CNN, C4", "faster_rcnn", {"neck": "c4"}),
    "faster_rcnn_pool": System("Faster R-CNN, FPN, RoIPool", "faster_rcnn", {"operator": "pool"}),
    "faster_rcnn_tdm": System("Faster R-CNN, TDM", "faster_rcnn", {"neck": "tdm"}),
    "faster_rcnn_fpn": System("Faster R-CNN, FPN, RoIAlign", "faster_rcnn"),
}
"""Every row by its name. Those with masks have boxes too, and stand in the table of boxes as well."""
