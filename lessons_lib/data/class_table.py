"""Names and colours of classes, and the colour rule of Pascal VOC."""

from dataclasses import dataclass

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
    return colour[0], colour[1], colour[2]


def voc_coloured(names: tuple[str, ...]) -> ClassTable:
    """A table whose colours follow the rule of Pascal VOC, for a dataset that publishes none."""
    return ClassTable(names, tuple(map(voc_colour, range(len(names)))))


def class_table(text: str) -> ClassTable:
    """A table from lines "name red green blue", in the order of the labels; names may hold spaces."""
    rows = [line.rsplit(maxsplit=3) for line in text.strip().splitlines()]
    colours = tuple((int(red), int(green), int(blue)) for _, red, green, blue in rows)
    return ClassTable(tuple(row[0].strip() for row in rows), colours)
