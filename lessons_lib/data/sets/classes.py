"""The classes of Pascal VOC, which the Semantic Boundaries Dataset has too."""

from lessons_lib.data.class_table import voc_coloured

VOC = voc_coloured(
    (
        *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
        *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
    )
)
"""Pascal VOC and SBD: 20 classes and the background."""
