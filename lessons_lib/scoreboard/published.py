"""The lecture's two result tables, COCO test-dev, as printed in Mask R-CNN (He et al., arXiv:1703.06870).

Tables 1 and 3 of that paper. Beside each published row stands the row of the course's own scoreboard that is built the
same way, where there is one; a row without is a quotation, and says what it is.
"""

from dataclasses import dataclass

COLUMNS = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
"""The columns of both tables, by the names of the course's metrics."""


@dataclass(frozen=True)
class Published:
    """A published row: its numbers are percent, in the order of `COLUMNS`, None where none is printed.

    ours: the row of the scoreboard that is built the same way. remark: what is different, or what a quotation is.
    """

    system: str
    backbone: str
    numbers: tuple[float | None, ...]
    ours: str | None = None
    remark: str = ""

    @property
    def ap(self) -> float:
        """The first column."""
        first = self.numbers[0]
        assert first is not None
        return first


MASKS = (
    Published("MNC", "ResNet-101-C4", (24.6, 44.3, 24.8, 4.7, 25.9, 43.6), "mnc"),
    Published("FCIS + OHEM", "ResNet-101-C5-dilated", (29.2, 49.5, None, 7.1, 31.3, 50.0), "fcis_ohem"),
    Published(
        "FCIS+++ + OHEM", "ResNet-101-C5-dilated", (33.6, 54.5, None, None, None, None), None,
        "quoted: the same, trained and tested on several scales, tested on mirrored images too",
    ),
    Published("Mask R-CNN", "ResNet-101-C4", (33.1, 54.9, 34.8, 12.1, 35.6, 51.1), "mask_rcnn_c4"),
    Published("Mask R-CNN", "ResNet-101-FPN", (35.7, 58.0, 37.8, 15.5, 38.1, 52.4), "mask_rcnn_fpn"),
    Published("Mask R-CNN", "ResNeXt-101-FPN", (37.1, 60.0, 39.4, 16.9, 39.9, 53.5), "mask_rcnn_wide"),
)  # fmt: skip
"""Instance segmentation: AP of masks."""

BOXES = (
    Published(
        "Faster R-CNN+++", "ResNet-101-C4", (34.9, 55.7, 37.4, 15.6, 38.7, 50.9), "faster_rcnn_c4",
        "+++: boxes refined twice, context of the whole image, several scales; ours goes without",
    ),
    Published("Faster R-CNN w FPN", "ResNet-101-FPN", (36.2, 59.1, 39.0, 18.2, 39.0, 48.2), "faster_rcnn_pool"),
    Published(
        "Faster R-CNN by G-RMI", "Inception-ResNet-v2", (34.7, 55.5, 36.7, 13.5, 38.1, 52.0), None,
        "quoted: the single model of Google's entry to COCO 2016, on another backbone",
    ),
    Published(
        "Faster R-CNN w TDM", "Inception-ResNet-v2-TDM", (36.8, 57.7, 39.2, 16.2, 39.8, 52.1), "faster_rcnn_tdm",
        "on another backbone than the others; ours has the same",
    ),
    Published("Faster R-CNN, RoIAlign", "ResNet-101-FPN", (37.3, 59.6, 40.3, 19.8, 40.2, 48.8), "faster_rcnn_fpn"),
    Published("Mask R-CNN", "ResNet-101-FPN", (38.2, 60.3, 41.7, 20.1, 41.1, 50.2), "mask_rcnn_fpn"),
    Published("Mask R-CNN", "ResNeXt-101-FPN", (39.8, 62.3, 43.4, 22.1, 43.2, 51.2), "mask_rcnn_wide"),
)  # fmt: skip
"""Object detection: AP of boxes."""
