"""Lesson 20, exercises 4 and 6: which predictions to look at first, and tiles without gaps or seams."""

import torch

from lessons_lib.course.exercises.engine.exercise import Exercise
from lessons_lib.metrics.image_quality import image_quality
from lessons_lib.training.own_size import tile_starts

# 20.4


def table_cases():
    """By hand; two predictions of one object; a match at exactly a half; nothing to find; nothing found; all of it."""
    hand = torch.tensor([[0.8, 0.0], [0.0, 0.3]])
    double = torch.tensor([[0.9, 0.0, 0.0], [0.7, 0.6, 0.0], [0.0, 0.55, 0.8]])
    half = torch.tensor([[0.5, 0.0], [0.0, 0.75]])
    best = torch.tensor([[0.6, 0.9]])
    nothing, missed, invented = torch.zeros(0, 0), torch.zeros(0, 2), torch.zeros(1, 0)
    cases = [[hand], [hand, torch.eye(2)], [double, half], [best, nothing, missed], [invented, hand, nothing, double]]
    return [{"tables": tables} for tables in cases]


def library_quality(tables):
    """The library's function, image by image."""
    return [image_quality(table) for table in tables]


WORST = Exercise(
    "20.4",
    "The worst predictions first",
    difficulty=2,
    minutes=25,
    oracle=library_quality,
    cases=table_cases,
    hints=(
        "Go through the rows in their order; each takes the free object with which its IoU is largest, if that is more "
        "than ½.",
        "matches + (predictions left + objects left) / 2 is simply (rows + columns) / 2. What is left when there are "
        "neither rows nor columns?",
        "free = torch.ones(columns, dtype=torch.bool); best = int((row * free).argmax()); take it if row[best] * "
        "free[best] > 0.5. A table without columns has no best.",
    ),
)


@WORST.model
def quality_of(tables):
    """The quality of each image, from the IoU of its predictions (rows, most confident first) with its objects."""
    qualities = []
    for table in tables:
        free, total = torch.ones(table.shape[1], dtype=torch.bool), 0.0
        for row in table if len(free) else ():
            best = int((row * free).argmax())
            if row[best] * free[best] > 0.5:
                free[best], total = False, total + row[best].item()
        count = (table.shape[0] + table.shape[1]) / 2  # matches, and half of what is left on either side
        qualities.append(total / count if count else 1.0)
    return qualities


@WORST.flags(
    no_misses="This looks like objects that were missed and cost nothing. Each counts half below the line.",
    no_inventions="This looks like predictions of nothing that cost nothing. Each counts half below the line.",
    whole="This looks like a miss and an invention that count 1 each. They count half: together they are one mistake.",
    any_overlap="This looks like a match for any overlap. Below ½ a prediction has not found the object.",
    half_counts="This looks like a match at exactly ½. It has to be more: then no object can be matched twice at once.",
    found_twice="This looks like one object matched by two predictions. The second one is an invention.",
    empty_is_worst="This looks like 0 for an image with nothing to find and nothing found. That is perfect: 1. As 0 it "
    "would stand at the head of your list, and hide the real mistakes.",
    counted="This looks like the share that was found, without how well. Add the IoU of each match, not 1.",
    all_columns="This looks like the best object first and freedom afterwards: where the best object is taken, the "
    "prediction may still have found the next one.",
)
def wrong_quality(
    tables, *, no_misses=False, no_inventions=False, whole=False, any_overlap=False, half_counts=False,
    found_twice=False, empty_is_worst=False, counted=False, all_columns=False,
):  # fmt: skip
    qualities, least = [], 0.0 if any_overlap else 0.5
    for table in tables:
        rows, columns = table.shape
        free, total, matches = torch.ones(columns, dtype=torch.bool), 0.0, 0
        for row in table if columns else ():
            best = int((row if all_columns else row * free).argmax())
            value = (row[best] * free[best]).item()
            if value > least or (half_counts and value == 0.5):
                free[best], matches = found_twice, matches + 1
                total += 1.0 if counted else value
        misses = 0 if no_misses else max(columns - matches, 0)
        inventions = 0 if no_inventions else rows - matches
        count = matches + (misses + inventions) * (1.0 if whole else 0.5)
        qualities.append(total / count if count else float(not empty_is_worst and rows + columns == 0))
    return qualities


# 20.6


def tile_cases():
    """By hand, exactly covered, one tile, an image smaller than a tile, no overlap, a rest of one pixel, large."""
    sizes = [(10, 4, 1), (10, 6, 2), (4, 4, 2), (3, 8, 2), (12, 4, 0), (13, 4, 0), (9, 4, 1), (1000, 256, 64)]
    return [{"length": length, "tile": tile, "overlap": overlap} for length, tile, overlap in sizes]


def library_tiles(length, tile, overlap):
    """The library's function, for images that may be smaller than a tile."""
    tile = min(tile, length)
    return [(start, start + tile) for start in tile_starts(length, tile, overlap)]


TILES = Exercise(
    "20.6",
    "Tiles",
    difficulty=1,
    minutes=15,
    oracle=library_tiles,
    cases=tile_cases,
    hints=(
        "Each tile begins tile − overlap after the one before. Which one is the last?",
        "The last tile ends where the image ends: it begins at length − tile, wherever the one before began.",
        "starts = [*range(0, length - tile, tile - overlap), length - tile], after tile = min(tile, length).",
    ),
)


@TILES.model
def tiles(length, tile, overlap):
    """Start and end of each tile along one side."""
    tile = min(tile, length)
    step = max(tile - overlap, 1)
    starts = [*range(0, length - tile, step), length - tile]
    return [(start, start + tile) for start in starts]


@TILES.flags(
    gap="This looks like a rest that no tile covers. The last tile must end where the image ends.",
    beyond="This looks like a last tile that reaches beyond the image. Move it back: a network wants full tiles.",
    no_overlap="This looks like tiles side by side. Each begins `overlap` pixels before the one before it ends.",
    overlap_as_step="This looks like a step of `overlap`. The step is tile − overlap.",
    cut="This looks like a last tile that is cut at the border. All tiles are equally large: move it back instead.",
    wider="This looks like tiles that are `overlap` wider. The tile is the tile; only the step is shorter.",
)
def wrong_tiles(
    length, tile, overlap, *, gap=False, beyond=False, no_overlap=False, overlap_as_step=False, cut=False, wider=False
):
    tile = min(tile + (overlap if wider else 0), length)
    step = tile if no_overlap else max(overlap if overlap_as_step else tile - overlap, 1)
    starts = [*range(0, length - tile, step), length - tile]
    if gap:
        starts = list(range(0, length - tile + 1, step))
    elif (beyond or cut) and len(starts) > 1:
        starts[-1] = starts[-2] + step
    return [(start, min(start + tile, length) if cut else start + tile) for start in starts]


@TILES.mistake("This looks like one tile too many: where the last whole tile already ends at the border, none follows.")
def one_too_many(length, tile, overlap):
    found = library_tiles(length, tile, overlap)
    fits = (length - min(tile, length)) % max(min(tile, length) - overlap, 1) == 0
    return [*found, found[-1]] if fits else found
