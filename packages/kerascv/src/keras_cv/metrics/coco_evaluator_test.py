import pickle

import numpy as np
import pytest

from keras_cv.metrics import COCOEvaluator, coco_metrics
from keras_cv.metrics.coco_metrics_test import make_boxes

TRUTH, FOUND = make_boxes(images=12)
WHOLE = coco_metrics(TRUTH, FOUND, "xyxy", per_class=True)


def rows(boxes, first, last):
    return {key: value[first:last] for key, value in boxes.items()}


def evaluator_of(*parts, **options):
    evaluator = COCOEvaluator("xyxy", **options)
    for first, last in parts:
        evaluator.update_state(rows(TRUTH, first, last), rows(FOUND, first, last))
    return evaluator


def test_batches_of_any_size():
    evaluator = evaluator_of((0, 3), (3, 4), (4, 12))
    assert evaluator.result(per_class=True) == WHOLE
    assert evaluator.result(per_class=True) == WHOLE  # asking changes nothing


def test_goes_on_after_a_result():
    evaluator = evaluator_of((0, 3))
    before = evaluator.result()
    evaluator.update_state(rows(TRUTH, 3, 12), rows(FOUND, 3, 12))
    assert before != evaluator.result() == coco_metrics(TRUTH, FOUND, "xyxy")


def test_merged_from_other_processes():
    parts = [evaluator_of((0, 5)), evaluator_of((5, 6), (6, 7)), evaluator_of((7, 12))]
    parts[0].result()
    first, *others = pickle.loads(pickle.dumps(parts))
    first.merge_state(others)
    assert first.result(per_class=True) == WHOLE
    # What was merged is as it was.
    assert others[1].result() == parts[2].result() != first.result()


def test_a_class_that_is_found_before_it_is_there():
    """In the first batch the class of detections is one that no image has yet."""
    order = np.argsort([np.ptp(x) for x in TRUTH["classes"]])
    truth, found = ({k: v[order] for k, v in x.items()} for x in (TRUTH, FOUND))
    evaluator = COCOEvaluator("xyxy")
    for image in range(12):
        evaluator.update_state(
            rows(truth, image, image + 1), rows(found, image, image + 1)
        )
    assert evaluator.result() == coco_metrics(truth, found, "xyxy")


def test_without_data():
    evaluator = evaluator_of((0, 12))
    evaluator.reset_state()
    assert evaluator.result() == dict.fromkeys(evaluator.names(), -1.0)
    evaluator.merge_state([COCOEvaluator("xyxy")])
    assert evaluator.result(per_class=True)["MaP"] == -1


@pytest.mark.parametrize(
    "options",
    [
        {"iou_thresholds": [0.5]},
        {"max_detections": [100]},
        {"area_ranges": {"small": (0, 9), "medium": (9, 99), "large": (99, 1e10)}},
        {"area_ranges": {"tiny": (0, 1024), "x": (1024, 9216), "y": (9216, 1e10)}},
    ],
)
def test_refuses_to_merge(options):
    with pytest.raises(ValueError, match="same thresholds"):
        COCOEvaluator("xyxy").merge_state([evaluator_of((0, 3), **options)])


def test_refuses_other_objects():
    with pytest.raises(ValueError, match="received {}"):
        COCOEvaluator("xyxy").merge_state([{}])
