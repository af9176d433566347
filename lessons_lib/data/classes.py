"""Names and colours of classes: one table a dataset, and the colour rule of Pascal VOC."""

from dataclasses import dataclass

from lessons_lib.data.scene_config import CLASSES

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class ClassTable:
    """The classes of a dataset: `names[label]` and `colours[label]`, RGB in 0 to 255."""

    names: tuple[str, ...]
    colours: tuple[Colour, ...]

    def __len__(self) -> int:
        return len(self.names)


def voc_colour(index: int) -> Colour:
    """The colour of an index in Pascal VOC: bit j goes to channel j mod 3, from the top bit down.

    Classes 0, 1, 2, 15 and void 255 are (0, 0, 0), (128, 0, 0), (0, 128, 0), (192, 128, 128) and (224, 224, 192).
    The rule gives different colours to all indices below 2²⁴.
    """
    colour = [0, 0, 0]
    for j in range(24):
        colour[j % 3] |= (index >> j & 1) << (7 - j // 3)
    return tuple(colour)


def voc_coloured(names: tuple[str, ...]) -> ClassTable:
    """A table whose colours follow the rule of Pascal VOC, for a dataset that publishes none."""
    return ClassTable(names, tuple(map(voc_colour, range(len(names)))))


def class_table(text: str) -> ClassTable:
    """A table from lines "name red green blue", in the order of the labels; names may hold spaces."""
    rows = [line.rsplit(maxsplit=3) for line in text.strip().splitlines()]
    return ClassTable(tuple(row[0].strip() for row in rows), tuple(tuple(map(int, row[1:])) for row in rows))


VOC = voc_coloured(
    (
        *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
        *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
    )
)
"""Pascal VOC and SBD: 20 classes and the background."""

CAMVID = class_table("""
sky 128 128 128
building 128 0 0
pole 192 192 128
road 128 64 128
pavement 60 40 222
tree 128 128 0
sign symbol 192 128 128
fence 64 64 128
car 64 0 128
pedestrian 64 64 0
bicyclist 0 128 192
""")
"""CamVid's 11 classes in the order and the colours of the SegNet tutorial; its value 11 is void."""

SUNRGBD37 = voc_coloured(
    (
        *("wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf", "picture"),
        *("counter", "blinds", "desk", "shelves", "curtain", "dresser", "pillow", "mirror", "floor mat", "clothes"),
        *("ceiling", "books", "fridge", "tv", "paper", "towel", "shower curtain", "box", "whiteboard", "person"),
        *("night stand", "toilet", "sink", "lamp", "bathtub", "bag"),
    )
)
"""SUN RGB-D's 37 classes, in the order of its seg37list; the file's values count from 1."""

SUNRGBD13 = class_table("""
bed 0 0 255
books 233 89 48
ceiling 0 218 0
chair 149 0 240
floor 222 241 24
furniture 255 206 206
objects 0 224 229
picture 106 136 204
sofa 117 29 41
table 240 35 235
tv 0 167 156
wall 249 139 0
window 225 229 194
""")
"""The 13 classes of Eigen and Fergus (ICCV 2015), with the colours of SceneNet's tables."""

SUNRGBD_37_TO_13 = (
    *(12, 5, 6, 1, 4, 9, 10, 12, 13, 6, 8, 6, 13, 10, 6, 13, 6, 7, 7),
    *(5, 7, 3, 2, 6, 11, 7, 7, 7, 7, 7, 7, 6, 7, 7, 7, 7, 7),
)
"""For each of the 37 classes its number among the 13, counted from 1: the table in SceneNet's README."""

SCENES = voc_coloured(CLASSES)
PEDESTRIANS = voc_coloured(("background", "pedestrian"))
NUCLEI = voc_coloured(("background", "nucleus"))
LEAVES = voc_coloured(("background", "leaf"))
