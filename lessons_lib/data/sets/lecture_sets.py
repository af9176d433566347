"""The six datasets as the lecture lists them in 2017, beside what their authors publish today.

The lecture's numbers are those of its slides, rounded there. Today's are the sets' own: images whose annotations are
public, by split. `why` says what lies between the two, where that can be told.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class LectureSet:
    """One row: the lecture's classes and images, and today's.

    `name` opens it (`open_dataset(name, root)`). `classes` are those its labels are scored with today; `splits` count
    the images with public annotations.
    """

    name: str
    title: str
    lecture_classes: str
    lecture_pictures: str
    classes: int
    splits: dict[str, int]
    why: str

    @property
    def pictures(self) -> int:
        """Images with public annotations, all splits together."""
        return sum(self.splits.values())


LECTURE_SETS = (
    LectureSet(
        name="voc2012",
        title="Pascal VOC 2012",
        lecture_classes="20",
        lecture_pictures="5,000",
        classes=20,
        splits={"train": 1464, "val": 1449},
        why="the masks of 1,456 test images are not public; with them it is 4,369",
    ),
    LectureSet(
        name="pascal_context",
        title="Pascal Context",
        lecture_classes="540",
        lecture_pictures="10,000",
        classes=59,
        splits={"train": 4998, "val": 5105},
        why="the paper counts VOC's 20 and 520 more; 459 are published, and the 59 commonest are scored",
    ),
    LectureSet(
        name="sunrgbd",
        title="SUN RGB-D",
        lecture_classes="19",
        lecture_pictures="10,000",
        classes=37,
        splits={"train": 5285, "test": 5050},
        why="segmentation is scored with 37 classes, or 13; the lecture's 19 is the number of another of its tasks",
    ),
    LectureSet(
        name="coco2017",
        title="Microsoft COCO 2017",
        lecture_classes="80",
        lecture_pictures="300,000",
        classes=80,
        splits={"train": 118_287, "val": 5000},
        why="its paper speaks of 328,000 images, including those without public masks",
    ),
    LectureSet(
        name="cityscapes",
        title="Cityscapes",
        lecture_classes="30",
        lecture_pictures="25,000",
        classes=19,
        splits={"train": 2975, "val": 500},
        why="30 classes are drawn, 19 scored; fine masks, 1,525 more are secret; 20,000 coarse ones are public",
    ),
    LectureSet(
        name="ade20k",
        title="ADE20K",
        lecture_classes="> 150",
        lecture_pictures="22,000",
        classes=150,
        splits={"train": 20_210, "val": 2000},
        why="the 150 commonest of more than 3,000 are scored",
    ),
)
"""In the lecture's order."""
