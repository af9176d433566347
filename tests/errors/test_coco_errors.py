"""What is wrong with a COCO file: said at opening with the file, the entry, its field, and the type that came."""

import json
import math
import re

import pytest

from lessons_lib.data.files import DamagedFile
from lessons_lib.data.sets.coco import CocoSamples
from lessons_lib.data.sets.coco_checks import run_lengths
from lessons_lib.data.skipping import Skipping
from lessons_lib.metrics.coco import CocoScores, evaluate_coco
from lessons_lib.metrics.detection import DetectionScores
from tests.data.published import photo
from tests.metrics.detection_cases import instances

IMAGE = {"id": 1, "file_name": "a.png", "height": 4, "width": 3}
CATEGORY = {"id": 1, "name": "dog"}
GOOD = {"id": 5, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": 2, "bbox": [1, 1, 1, 2]}
GOOD["segmentation"] = {"size": [4, 3], "counts": "525"}
GONE = object()


def changed(entry, **changes):
    return {key: value for key, value in {**entry, **changes}.items() if value is not GONE}


def record(**changes):
    """A file with one image, one category and two annotations, of which the first is changed."""
    annotations = [changed(GOOD, **changes), {**GOOD, "id": 6}]
    return {"images": [IMAGE], "categories": [CATEGORY], "annotations": annotations}


def opened(root, content):
    for folder in ("val2017", "annotations"):
        (root / folder).mkdir(exist_ok=True)
    (root / "val2017" / "a.png").write_bytes(photo(4, 3))
    (root / "annotations" / "instances_val2017.json").write_text(json.dumps(content))
    return CocoSamples(root)


ID = "must be an integer, got "
ONE_ANNOTATION = [
    ({"category_id": 2}, "annotation 5, category_id: must be a category of the file, got 2"),
    ({"category_id": "1"}, f'annotation 5, category_id: {ID}"1" (a string)'),
    ({"category_id": 1.0}, f"annotation 5, category_id: {ID}1.0 (a float)"),
    ({"category_id": None}, f"annotation 5, category_id: {ID}null"),
    ({"category_id": [1]}, f"annotation 5, category_id: {ID}[1] (a list)"),
    ({"category_id": GONE}, "annotation 5, category_id: is missing"),
    ({"image_id": 77}, "annotation 5, image_id: must be the id of an image of the file, got 77"),
    ({"image_id": -1}, "annotation 5, image_id: must be the id of an image of the file, got -1"),
    ({"image_id": "1"}, f'annotation 5, image_id: {ID}"1" (a string)'),
    ({"image_id": True}, f"annotation 5, image_id: {ID}true (a bool)"),
    ({"image_id": math.nan}, f"annotation 5, image_id: {ID}NaN (a float)"),
    ({"image_id": GONE}, "annotation 5, image_id: is missing"),
    ({"id": "5"}, f'annotations[0], id: {ID}"5" (a string)'),
    ({"id": GONE}, "annotations[0], id: is missing"),
    ({"iscrowd": "0"}, 'annotation 5, iscrowd: must be 0 or 1, got "0" (a string)'),
    ({"iscrowd": 2}, "annotation 5, iscrowd: must be 0 or 1, got 2"),
    ({"iscrowd": 0.0}, "annotation 5, iscrowd: must be 0 or 1, got 0.0 (a float)"),
    ({"iscrowd": None}, "annotation 5, iscrowd: must be 0 or 1, got null"),
    ({"area": "2"}, 'annotation 5, area: must be a number ≥ 0, got "2" (a string)'),
    ({"area": -2}, "annotation 5, area: must be a number ≥ 0, got -2"),
    ({"area": math.nan}, "annotation 5, area: must be a number ≥ 0, got NaN (a float)"),
    ({"area": True}, "annotation 5, area: must be a number ≥ 0, got true (a bool)"),
    ({"area": None}, "annotation 5, area: must be a number ≥ 0, got null"),
    ({"area": 10**400}, "annotation 5, area: must be a number ≥ 0, got 10000"),
    ({"bbox": GONE}, "annotation 5, bbox: is missing"),
    ({"bbox": [1, 1, 1]}, "bbox: must be four finite numbers x, y, width, height, got [1, 1, 1] (a list)"),
    ({"bbox": {"x": 1}}, 'bbox: must be four finite numbers x, y, width, height, got {"x": 1} (an object)'),
    ({"bbox": [1, 1, "1", 2]}, "bbox: must be four finite numbers"),
    ({"bbox": [1, 1, True, 2]}, "bbox: must be four finite numbers"),
    ({"bbox": [1, 1, math.nan, 1]}, "bbox: must be four finite numbers"),
    ({"bbox": [10**400, 1, 1, 1]}, "bbox: must be four finite numbers"),
    ({"bbox": [1, 1, -1, 1]}, "bbox: must have width and height ≥ 0, got -1 and 1"),
]


@pytest.mark.parametrize(("changes", "message"), ONE_ANNOTATION)
def test_an_annotation_is_refused_when_the_file_is_opened(tmp_path, changes, message):
    with pytest.raises(DamagedFile, match=re.escape(message)) as caught:
        opened(tmp_path, record(**changes))
    assert caught.value.file.endswith("instances_val2017.json")


@pytest.mark.parametrize(
    ("images", "categories", "message"),
    [
        ([{**IMAGE, "id": "1"}], [CATEGORY], f'images[0], id: {ID}"1" (a string)'),
        ([changed(IMAGE, id=GONE)], [CATEGORY], "images[0], id: is missing"),
        ([IMAGE, IMAGE], [CATEGORY], "images[1], id: must be there once, got 1 again"),
        ([changed(IMAGE, height=GONE)], [CATEGORY], "images[0], height: is missing"),
        ([{**IMAGE, "width": "3"}], [CATEGORY], f'images[0], width: {ID}"3" (a string)'),
        ([{**IMAGE, "width": 3.0}], [CATEGORY], f"images[0], width: {ID}3.0 (a float)"),
        ([{**IMAGE, "width": None}], [CATEGORY], f"images[0], width: {ID}null"),
        ([{**IMAGE, "height": 0}], [CATEGORY], "images[0], height: must be in [1, 1000000], got 0"),
        ([{**IMAGE, "file_name": 7}], [CATEGORY], "images[0], file_name: must be a name, got 7"),
        ([{**IMAGE, "file_name": ""}], [CATEGORY], 'images[0], file_name: must be a name, got "" (a string)'),
        ([None], [CATEGORY], "images[0]: must be an object, got null"),
        ([IMAGE], [{"id": 1}], "categories[0], name: is missing"),
        ([IMAGE], [{"id": 1, "name": " "}], 'categories[0], name: must be a name, got " " (a string)'),
        ([IMAGE], [{"id": 1, "name": None}], "categories[0], name: must be a name, got null"),
        ([IMAGE], [{**CATEGORY, "id": True}], f"categories[0], id: {ID}true (a bool)"),
        ([IMAGE], [CATEGORY, {"id": 1, "name": "cat"}], "categories[1], id: must be there once, got 1 again"),
        ([IMAGE], [CATEGORY, {"id": 2, "name": "dog"}], "categories[1], name: must be there once, got 'dog' again"),
    ],
)
def test_images_and_categories(tmp_path, images, categories, message):
    with pytest.raises(DamagedFile, match=re.escape(message)):
        opened(tmp_path, {**record(), "images": images, "categories": categories})


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        (GONE, "annotation 5, segmentation: is missing"),
        ([], "segmentation: must be polygons or run lengths, got [] (a list)"),
        (None, "segmentation: must be polygons or run lengths, got null"),
        ("525", 'segmentation: must be polygons or run lengths, got "525" (a string)'),
        ([0, 0, 1, 1, 2, 2], "must be a list of polygons, each a list x, y, x, y, …, got 6 numbers without it"),
        ([[[0, 0], [1, 1], [2, 0]] * 2], "must hold finite numbers, got [0, 0] (a list) in polygon 0"),
        ([{"x": 1}], 'a list x, y, x, y, …, got {"x": 1} (an object) as polygon 0'),
        ([[1, 1, 2, 2]], "must hold polygons of x, y for ≥ 3 corners, got 4 values in polygon 0"),
        ([[0, 0, 1, 1, 2, 2], []], "for ≥ 3 corners, got 0 values in polygon 1"),
        ([[0, 0, 1, 1, 2, 2, 3]], "for ≥ 3 corners, got 7 values in polygon 0"),
        ([[0, 0, 1, 1, 2, math.nan]], "must hold finite numbers, got NaN (a float) in polygon 0"),
        ([[0, 0, 1, 1, 2, -math.inf]], "must hold finite numbers, got -Infinity (a float) in polygon 0"),
        ([[0, 0, 1, 1, 2, "2"]], 'must hold finite numbers, got "2" (a string) in polygon 0'),
        ([[0, 0, 1, 1, 2, True]], "must hold finite numbers, got true (a bool) in polygon 0"),
        ([[0, 0, 1, 1, 2, 10**400]], "must hold finite numbers, got 10000"),
        ([[0, 0, 1, 1, 2, 1e9]], "must lie near its image of 3 × 4"),
        ({"size": [3, 4], "counts": "525"}, "must be as large as its image, (4, 3), got (3, 4)"),
        ({"size": ["4", 3], "counts": "525"}, "must be as large as its image, (4, 3), got ('4', 3)"),
        ({"size": [4.0, 3], "counts": "525"}, "must be as large as its image, (4, 3), got (4.0, 3)"),
        ({"size": None, "counts": "525"}, "must be as large as its image, (4, 3), got null"),
        ({"size": [4, 3], "counts": "52"}, "counts must be ≥ 0 and cover 12 pixels, got 7 in 2 runs"),
        ({"size": [4, 3], "counts": ""}, "and cover 12 pixels, got 0 in 0 runs"),
        ({"size": [4, 3], "counts": [5, 2, 6]}, "and cover 12 pixels, got 13 in 3 runs"),
        ({"size": [4, 3], "counts": [13, -1]}, "must be ≥ 0 and cover 12 pixels, got 12 in 2 runs"),
        ({"size": [4, 3], "counts": [5, "2", 5]}, 'counts must be integers, got "2" (a string)'),
        ({"size": [4, 3], "counts": [5, 2.5, 5]}, "counts must be integers, got 2.5 (a float)"),
        ({"size": [4, 3], "counts": [[5, 2, 5]]}, "counts must be integers, got [5, 2, 5] (a list)"),
        ({"size": [4, 3], "counts": [2**62, 2**62, 2**62, 2**62, 12]}, "and cover 12 pixels"),
        ({"size": [4, 3], "counts": [10**30]}, "counts cannot be read: "),
        ({"size": [4, 3], "counts": None}, "counts must be a list of integers or COCO's letters, got null"),
        ({"size": [4, 3], "counts": {"5": 2}}, "counts must be a list of integers or COCO's letters, got "),
        ({"size": [4, 3], "counts": "5!5"}, "counts cannot be read: counts must be characters 0 to o"),
        ({"size": [4, 3], "counts": "5o"}, "counts cannot be read: counts must be characters 0 to o"),
        ({"size": [4, 3]}, "must hold size and counts, got size"),
    ],
)
def test_shapes_are_checked_before_they_are_decoded(tmp_path, segmentation, message):
    samples = opened(tmp_path, record(segmentation=segmentation))
    with pytest.raises(DamagedFile, match=re.escape(message)) as caught:
        samples[0]
    assert caught.value.file.endswith("instances_val2017.json")
    with pytest.raises(DamagedFile):
        Skipping(samples)[0]


def test_an_image_of_another_size(tmp_path):
    samples = opened(tmp_path, {**record(), "images": [{**IMAGE, "width": 4}], "annotations": []})
    message = "image 1, height and width: must be that of the photograph, (4, 3), got (4, 4)"
    with pytest.raises(DamagedFile, match=re.escape(message)):
        samples[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "must be an object with images, categories, annotations, got [] (a list)"),
        ({"images": []}, "categories: must be a list, got none"),
        ({**record(), "images": None}, "images: must be a list, got null"),
        ({**record(), "annotations": [1]}, "annotations[0]: must be an object, got 1"),
    ],
)
def test_files_that_are_no_coco(tmp_path, content, message):
    with pytest.raises(DamagedFile, match=re.escape(message)):
        opened(tmp_path, content)
    (tmp_path / "annotations" / "instances_val2017.json").write_bytes(b"{")
    with pytest.raises(DamagedFile, match=r"instances_val2017\.json: cannot be read as JSON: "):
        CocoSamples(tmp_path)


def test_run_lengths():
    with pytest.raises(ValueError, match="counts must be numbers of at most 7 characters"):
        run_lengths("o" * 8 + "0")


RESULT = {"image_id": 1, "category_id": 1, "score": 0.5, "bbox": [1, 1, 1, 2], "segmentation": GOOD["segmentation"]}


@pytest.mark.parametrize(("changes", "message"), ONE_ANNOTATION[:25])
def test_the_evaluation_refuses_what_the_reader_refuses(changes, message):
    with pytest.raises(ValueError, match=re.escape(f"truth, {message}")):
        evaluate_coco(record(**changes), [RESULT], "box")


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("box", {"image_id": "1"}, f'results[0], image_id: {ID}"1" (a string)'),
        ("box", {"image_id": 2}, "results[0], image_id: must be the id of an image of the truth, got 2"),
        ("box", {"category_id": 1.0}, f"results[0], category_id: {ID}1.0 (a float)"),
        ("box", {"score": math.nan}, "results[0], score: must be a finite number, got NaN (a float)"),
        ("box", {"score": "0.5"}, 'results[0], score: must be a finite number, got "0.5" (a string)'),
        ("box", {"score": GONE}, "results[0], score: must be a finite number, got null"),
        ("box", {"bbox": GONE}, "results[0], bbox: is missing"),
        ("box", {"bbox": [1, 1, -1, 1]}, "results[0], bbox: must have width and height ≥ 0, got -1 and 1"),
        ("mask", {"segmentation": GONE}, "results[0], segmentation: must be polygons or run lengths, got null"),
        ("mask", {"segmentation": {"size": [4, 3], "counts": "52"}}, "results[0], segmentation: counts must be ≥ 0"),
    ],
)
def test_results_that_cannot_be_evaluated(kind, changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        evaluate_coco(record(), [changed(RESULT, **changes)], kind)


def test_tuples_are_lists_and_other_results_are_refused():
    runs = {"size": (4, 3), "counts": (5, 2, 5)}
    for kind in ("box", "mask"):
        found = evaluate_coco(record(bbox=(1, 1, 1, 2)), [changed(RESULT, bbox=(1, 1, 1, 2), segmentation=runs)], kind)
        assert found == pytest.approx(evaluate_coco(record(), [RESULT], kind), nan_ok=True)
    with pytest.raises(ValueError, match=re.escape("results[1] must be a dict, got 5")):
        evaluate_coco(record(), [RESULT, 5], "box")
    twice = {**record(), "images": [IMAGE, IMAGE]}
    with pytest.raises(ValueError, match="truth, images: must have integers as ids, each of them once"):
        evaluate_coco(twice, [])


@pytest.mark.parametrize("scores", [CocoScores, DetectionScores])
def test_masks_of_boxes_alone(scores):
    whole = instances([[0, 0, 9, 9]], [1], scores=[0.5])
    bare = type(whole)(whole.boxes, whole.labels, None, whole.scores)
    for pair in ((bare, whole), (whole, bare)):
        with pytest.raises(ValueError, match="instances must have masks, got boxes alone"):
            scores().update(*pair)


@pytest.mark.parametrize("truth", [{}, [], {"images": [], "annotations": []}])
def test_truths_that_are_none(truth):
    with pytest.raises(ValueError, match="truth must be a dict with the lists images, categories, annotations, got no"):
        evaluate_coco(truth, [])


def test_truths_with_entries_that_are_none():
    with pytest.raises(ValueError, match=re.escape("truth, annotations[0]: must be an object, got 7")):
        evaluate_coco({**record(), "annotations": [7]}, [])
    polygon = record(segmentation=[[0, 0, 2, 0, 2, 2]])
    with pytest.raises(ValueError, match=re.escape('height and width of its image must be an integer, got "3" (a')):
        evaluate_coco({**polygon, "images": [{**IMAGE, "width": "3"}]}, [])
