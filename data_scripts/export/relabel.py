"""The labels of scenes in the classes of each dataset, so that a set of scenes can be written in its layout."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from lessons_lib.data.sample import VOID, Sample
from lessons_lib.data.sets.classes_context import CONTEXT459

_SAME = tuple(range(11))
_ONE_KIND = (0, *[1] * 8, 0, 0)
_CONTEXT = ("ground", "ball", "box", "kite", "ornament", "tire", "pole", "duck", "chicken", "water", "grass")

# Scene labels: ground, ball, crate, kite, star, ring, pole, duck, hen, water, grass.
SCENE_LABELS = {
    "voc2012": _SAME,
    "sbd": _SAME,
    "pascal_context": tuple(index + (index >= VOID) for index in map(CONTEXT459.names.index, _CONTEXT)),
    "sunrgbd": _SAME,
    "coco2017": _SAME,
    "cityscapes": (0, *range(11, 19), 8, 9),  # road; the eight classes with instances; vegetation and terrain
    "ade20k": (13, 119, 41, 149, 82, 148, 93, 126, 108, 21, 9),  # earth; ball, box, flag, light, clock, pole, …
    "penn_fudan": _ONE_KIND,
    "camvid": _SAME,
    "nuclei": _ONE_KIND,
    "leaves": _ONE_KIND,
}
"""For each layout, its label for each label of the scenes. Where classes have no counterpart, the number decides."""

WITHOUT_VOID = ("penn_fudan", "nuclei", "leaves")
"""Layouts that know no void: a void border becomes background there."""


def relabel(sample: Sample, labels: Sequence[int], void: int = VOID) -> Sample:
    """The sample with label k called labels[k], in the label map and in the instances; void pixels become `void`.

    Raises ValueError for a label that has no new name.
    """
    top = max([*sample.label_map[sample.label_map != VOID].unique().tolist(), *sample.instances.labels.tolist(), 0])
    if top >= len(labels):
        raise ValueError(f"labels must be below {len(labels)}, got {top}")
    table = torch.full((VOID + 1,), void)
    table[: len(labels)] = torch.tensor(labels)
    instances = replace(sample.instances, labels=table[sample.instances.labels])
    return replace(sample, label_map=table[sample.label_map], instances=instances)
