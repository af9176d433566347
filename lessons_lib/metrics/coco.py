"""COCO evaluation through pycocotools, silent: the twelve numbers of instances, or of COCO's JSON.

For use and for comparison; `detection` computes the same from scratch.
"""

import contextlib
import io
import warnings
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import Tensor

from lessons_lib.data.sample import Instances
from lessons_lib.metrics.coco_copies import copy_of_results, copy_of_truth
from lessons_lib.metrics.detection import NUMBERS
from lessons_lib.ops.masks import encode_rle

KINDS = {"mask": "segm", "box": "bbox"}


class CocoScores:
    """`DetectionScores` by pycocotools: `update` once per image, then `compute`; `kind` is "mask" or "box".

    >>> box, label = torch.tensor([[0.0, 0, 4, 4]]), torch.tensor([1])
    >>> scores = CocoScores("box")
    >>> scores.update(Instances(box, label, None, torch.tensor([0.9])), Instances(box, label, None))
    >>> round(scores.compute()["ap"], 6)
    1.0
    """

    def __init__(self, kind: str = "mask"):
        _check_kind(kind)
        self.kind = kind
        self.targets: list[Instances] = []
        self.predictions: list[Instances] = []

    def update(self, prediction: Instances, target: Instances) -> None:
        """Add one image; an object's area is that of its mask. ValueError for a prediction without scores."""
        if prediction.scores is None:
            raise ValueError("prediction must have scores, got None")
        if self.kind == "mask":
            _ = prediction.known_masks, target.known_masks  # refuses boxes alone
        self.predictions.append(prediction.to("cpu"))
        self.targets.append(target.to("cpu"))

    def merge(self, other: "CocoScores") -> None:
        """Add the images of `other` after one's own."""
        if not isinstance(other, CocoScores) or other.kind != self.kind:
            got = f"kind {other.kind!r}" if isinstance(other, CocoScores) else repr(other)
            raise ValueError(f"other must be CocoScores of kind {self.kind!r}, got {got}")
        self.predictions += other.predictions
        self.targets += other.targets

    def compute(self) -> dict[str, float]:
        """The twelve `NUMBERS` as floats; NaN where no object is inside a number's range."""
        return evaluate_coco(truth_json(self.targets), results_json(self.predictions), self.kind)


def evaluate_coco(truth: dict, results: Sequence[dict], kind: str = "mask") -> dict[str, float]:
    """The twelve numbers of `results` (entries with image_id, category_id, score, and bbox or segmentation) against the
    ground truth, a dict as in COCO's annotation files, over all its images. Neither is changed.

    Annotations are numbered anew: pycocotools marks an object as found by writing down its id, so it takes an id of 0
    for "not found" and loses objects whose id is there twice. No `iscrowd` is 0, no `area` that of the mask, or of the
    box without a mask. Where a result has a segmentation and a bbox, only what `kind` names is used, also for its area:
    pycocotools would take the area of the box. A result of a category that the truth does not have is not counted.
    ValueError for a truth or a result whose image, category, confidence, box or mask is not as COCO's format wants it.

    >>> found = [Instances(torch.tensor([[0.0, 0, 4, 4]]), torch.tensor([1]), None, torch.tensor([0.9]))]
    >>> round(evaluate_coco(truth_json(found), results_json(found), kind="box")["ap"], 6)
    1.0
    """
    _check_kind(kind)
    own = copy_of_truth(truth, kind)
    plain = copy_of_results(results, own["images"], kind)
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)  # pycocotools with numpy 2
        gt = _index(own)
        found = gt.loadRes(plain) if plain else _index({**own, "annotations": []})
        scorer = COCOeval(gt, found, KINDS[kind])
        scorer.evaluate()
        scorer.accumulate()
        scorer.summarize()
    numbers = (float(value) if value > -1 else float("nan") for value in scorer.stats)
    return dict(zip(NUMBERS, numbers, strict=True))


def truth_json(targets: Sequence[Instances]) -> dict:
    """Ground truth as in COCO's annotation files: `box_annotations` with masks as run lengths, their areas, crowds.

    Where an image's masks are None its annotations are boxes, with the areas of the boxes.
    """
    images = [{"id": n} for n in range(1, len(targets) + 1)]
    annotations = box_annotations([target.boxes for target in targets], [target.labels for target in targets])
    rest = []
    for image, target in zip(images, targets, strict=True):
        crowd = [False] * len(target) if target.is_crowd is None else target.is_crowd.tolist()
        shapes: list[dict] = [{}] * len(target)
        if target.masks is not None:
            image["height"], image["width"] = target.masks.shape[1:]
            areas = target.masks.flatten(1).sum(1).tolist()
            pairs = zip(encode_rle(target.masks), areas, strict=True)
            shapes = [{"segmentation": rle, "area": area} for rle, area in pairs]
        rest += [{**shape, "iscrowd": int(many)} for shape, many in zip(shapes, crowd, strict=True)]
    for annotation, more in zip(annotations, rest, strict=True):
        annotation.update(more)
    labels = sorted({annotation["category_id"] for annotation in annotations})
    categories = [{"id": label, "name": str(label)} for label in labels]
    return {"images": images, "annotations": annotations, "categories": categories}


def box_annotations(boxes: Sequence[Float[Tensor, "_ 4"]], labels: Sequence[Int64[Tensor, " _"]]) -> list[dict]:
    """COCO's annotations of boxes alone, the objects of image after image: xyxy becomes x, y, width, height.

    Ids count from 1 through all images, since pycocotools reads an id of 0 as "not found"; so do those of images.
    ValueError where the lists or an image's boxes and labels have different lengths.

    >>> box_annotations([torch.tensor([[1.0, 2, 4, 4]])], [torch.tensor([3])])[0]["bbox"]
    [1.0, 2.0, 3.0, 2.0]
    """
    annotations: list[dict] = []
    for number, (corners, classes) in enumerate(zip(boxes, labels, strict=True), start=1):
        corners = corners.double()  # in half precision 1000 − 3 is 996
        rows = torch.cat([corners[:, :2], corners[:, 2:] - corners[:, :2]], 1).tolist()
        for row, label in zip(rows, classes.tolist(), strict=True):
            entry = {"id": len(annotations) + 1, "image_id": number, "category_id": label, "bbox": row}
            annotations.append({**entry, "area": row[2] * row[3], "iscrowd": 0})
    return annotations


def results_json(predictions: Sequence[Instances]) -> list[dict]:
    """Detections as in COCO's results files; images are numbered from 1, as `truth_json` numbers them.

    Where an image's masks are None its entries have no segmentation.
    """
    boxes, labels = [found.boxes for found in predictions], [found.labels for found in predictions]
    rest = []
    for found in predictions:
        if found.scores is None:
            raise ValueError("predictions must have scores, got None")
        rles = [None] * len(found) if found.masks is None else encode_rle(found.masks)
        for score, rle in zip(found.scores.tolist(), rles, strict=True):
            rest.append({"score": score} if rle is None else {"score": score, "segmentation": rle})
    return [
        {**{name: entry[name] for name in ("image_id", "category_id", "bbox")}, **more}
        for entry, more in zip(box_annotations(boxes, labels), rest, strict=True)
    ]


def _index(dataset: dict) -> COCO:
    coco = COCO()
    coco.dataset = dataset
    coco.createIndex()
    return coco


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"kind must be 'mask' or 'box', got {kind!r}")
