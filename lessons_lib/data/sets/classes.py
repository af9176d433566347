"""The classes of the datasets: one table each."""

from lessons_lib.data.class_table import class_table, voc_coloured

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

PEDESTRIANS = voc_coloured(("background", "pedestrian"))
NUCLEI = voc_coloured(("background", "nucleus"))
LEAVES = voc_coloured(("background", "leaf"))
