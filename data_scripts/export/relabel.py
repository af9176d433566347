"""The labels of scenes in the classes of each dataset, so that a set of scenes can be written in its layout."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from lessons_lib.data.sample import VOID, Sample

SCENE_LABELS = tuple(range(11))
"""The labels of the scenes as they are, for a layout whose classes do not correspond to them."""

ONE_KIND = (0, *[1] * 8, 0, 0)
"""For a layout that knows one kind of object and the background."""


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
