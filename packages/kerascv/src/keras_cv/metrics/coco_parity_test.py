import importlib.metadata

import numpy as np
import pytest

from domain_core.testing.references import reference
from keras_cv.metrics import coco_metrics


def coco(folder, *, cases, version):
    """Returns what pycocotools says of each case: the numbers, and those of classes."""
    import contextlib
    import io

    import numpy as np
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def mean(values):
        values = values[values > -1]
        return values.mean() if values.size else -1.0

    answers = {}
    for name, case in cases.items():
        truth, found = COCO(), COCO()
        classes = sorted({row[1] for row in case["truth"]})
        images = [{"id": number} for number in range(case["images"])]
        categories = [{"id": number} for number in classes]
        keys = ("image_id", "category_id", "bbox", "area", "iscrowd")
        truth.dataset = found.dataset = {
            "images": images,
            "categories": categories,
            "annotations": [
                {"id": i + 1, **dict(zip(keys, row, strict=True))}
                for i, row in enumerate(case["truth"])
            ],
        }
        keys = ("image_id", "category_id", "bbox", "score")
        results = [dict(zip(keys, row, strict=True)) for row in case["found"]]
        with contextlib.redirect_stdout(io.StringIO()):
            truth.createIndex()
            if results:
                found = truth.loadRes(results)
            else:
                found.dataset = found.dataset | {"annotations": []}
                found.createIndex()
            evaluation = COCOeval(truth, found, "bbox")
            options = evaluation.params
            options.maxDets = case.get("max_detections", options.maxDets)
            if "iou_thresholds" in case:
                options.iouThrs = np.array(case["iou_thresholds"])
            if "area_ranges" in case:
                options.areaRng = [[0, 1e10], *case["area_ranges"].values()]
                options.areaRngLbl = ["all", *case["area_ranges"]]
            evaluation.evaluate()
            evaluation.accumulate()
        precision, recall = (evaluation.eval[x] for x in ("precision", "recall"))
        areas, limits = range(1, len(options.areaRng)), range(len(options.maxDets))
        thresholds = list(np.round(options.iouThrs, 6))
        answers[name] = [
            mean(precision[..., 0, -1]),
            *(
                mean(precision[thresholds.index(t), :, :, 0, -1])
                for t in (0.5, 0.75)
                if t in thresholds
            ),
            *(mean(precision[..., area, -1]) for area in areas),
            *(mean(recall[..., 0, limit]) for limit in limits),
            *(mean(recall[..., area, -1]) for area in areas),
        ]
        answers[name + " classes"] = [
            [number, mean(of_class), mean(of_class[0])]
            for number, of_class in zip(
                classes, np.moveaxis(precision[..., 0, -1], 2, 0), strict=True
            )
            if mean(of_class) > -1
        ]
        if len(answers[name]) == 12 and options.maxDets == [1, 10, 100]:
            with contextlib.redirect_stdout(io.StringIO()):
                evaluation.summarize()
            assert np.allclose(answers[name], evaluation.stats, atol=1e-12)
    return {name: np.array(answer) for name, answer in answers.items()}


def a_case(*images, **options):
    """Returns a case of images, each with lists of true boxes and of detections.

    A true box is (class, box, options), a detection (class, box, score); boxes are
    left, top, width, height.
    """
    truth, found = [], []
    for number, (true_boxes, detections) in enumerate(images):
        for kind, box, *more in true_boxes:
            more = {"area": box[2] * box[3], "crowd": 0} | (more[0] if more else {})
            truth.append([number, kind, box, more["area"], more["crowd"]])
        found += [[number, kind, box, score] for kind, box, score in detections]
    return {"images": len(images), "truth": truth, "found": found, **options}


def random_case(seed, kind=None, **options):
    """Returns a case with all there is: crowds, areas, ties, padding, empty images."""
    source = np.random.default_rng(seed)
    kind = kind or source.choice(["grid", "heap", "spread"])
    has_crowds, has_areas = source.random(2) < 0.5
    classes = int(source.integers(1, 5))

    def boxes(count):
        if kind == "grid":  # equal boxes, and overlaps that are thresholds
            corners = source.integers(0, 6, (count, 2)) * 20.0
            sides = source.integers(1, 6, (count, 2)) * 20.0
        elif kind == "heap":  # each overlaps many others
            corners = source.uniform(0, 20, (count, 2))
            sides = source.uniform(70, 110, (count, 2))
        else:
            corners = source.uniform(0, 200, (count, 2))
            sides = np.exp(source.uniform(1, 5, (count, 2)))
        return np.concatenate([corners, sides], axis=1)

    images = []
    most = int(source.choice([3, 12, 130]))
    for _ in range(source.integers(2, 9)):
        count, detected = source.integers(0, (9, most)) * (source.random(2) < 0.85)
        true_boxes, kinds = boxes(count), source.integers(0, classes, count)
        shares = source.uniform(0.2, 1, count) if has_areas else np.ones(count)
        crowds = source.random(count) < 0.2 * has_crowds
        found = boxes(detected)
        found_kinds = source.integers(0, classes + 2, detected)
        near = (source.random(detected) < 0.7) & bool(count)
        if count:
            origin = source.integers(0, count, detected)
            copies = true_boxes[origin]
            if kind == "spread":
                copies = copies + source.normal(0, 0.1, copies.shape) * copies[:, [2]]
                copies[:, 2:] = np.abs(copies[:, 2:]) + 0.1
            found[near] = copies[near]
            found_kinds[near] = kinds[origin][near]
        scores = (source.random(detected) + near) / 2
        if source.random() < 0.5:
            scores = np.round(scores * 4) / 4
        images.append(
            (
                [
                    (kind, box, {"area": share * box[2] * box[3], "crowd": int(crowd)})
                    for kind, box, share, crowd in zip(
                        kinds.tolist(),
                        true_boxes.tolist(),
                        shares.tolist(),
                        crowds.tolist(),
                        strict=True,
                    )
                ],
                list(
                    zip(
                        found_kinds.tolist(),
                        found.tolist(),
                        scores.tolist(),
                        strict=True,
                    )
                ),
            )
        )
    return a_case(*images, **options)


BOX, SMALL, LARGE = [10, 10, 40, 40], [5, 5, 20, 20], [0, 0, 200, 150]
ALMOST_SAME = [7.6, 6.8, 3.8, 2.4]  # its IoU with itself is 1 - 8e-16
CROWD = {"crowd": 1}
CASES = {
    "perfect": a_case(([(3, BOX), (5, LARGE)], [(3, BOX, 0.9), (5, LARGE, 0.2)])),
    "class 0": a_case(([(0, BOX)], [(0, BOX, 0.9), (0, SMALL, 0.95)])),
    "image without detections": a_case(
        ([(1, BOX)], [(1, BOX, 0.5)]), ([(1, BOX), (2, SMALL)], [])
    ),
    "image without boxes": a_case(([], [(1, BOX, 0.9)]), ([(1, BOX)], [(1, BOX, 0.5)])),
    "no true boxes": a_case(([], [(1, BOX, 0.9)]), ([], [])),
    "no detections": a_case(([(1, BOX)], []), ([], [])),
    "neither": a_case(([], [])),
    "a class that no image has": a_case(
        ([(1, BOX)], [(7, BOX, 0.9), (0, BOX, 0.8), (1, BOX, 0.5)])
    ),
    "duplicates": a_case(([(1, BOX)], [(1, BOX, 0.9)] * 3 + [(1, SMALL, 0.95)])),
    "duplicates of the truth": a_case(([(1, BOX)] * 3, [(1, BOX, 0.9)] * 2)),
    "ties of scores in an image": a_case(
        ([(1, BOX)], [(1, SMALL, 0.5), (1, BOX, 0.5), (1, LARGE, 0.5)])
    ),
    "ties of scores between images": a_case(
        ([(1, BOX)], [(1, LARGE, 0.5)]),
        ([(1, BOX)], [(1, BOX, 0.5)]),
        ([(1, BOX)], [(1, BOX, 0.5), (1, SMALL, 0.5)]),
    ),
    "the last of equal overlaps": a_case(
        # The first detection could leave either of the boxes to the second.
        (
            [(1, [0, 0, 20, 10]), (1, [10, 0, 20, 10])],
            [(1, [5, 0, 20, 10], 0.9), (1, [10, 0, 20, 10], 0.8)],
        )
    ),
    # Areas 100 and 100, of which 200/3 and 600/7 are common.
    "the largest overlap": a_case(
        # The first detection overlaps both boxes, the second one of them.
        (
            [(1, [0, 0, 20, 10]), (1, [4, 0, 20, 10])],
            [(1, [3, 0, 20, 10], 0.9), (1, [-5, 0, 20, 10], 0.8)],
        )
    ),
    "a threshold of 1": a_case(
        # Of which rounding leaves a little less.
        ([(1, ALMOST_SAME)], [(1, ALMOST_SAME, 0.9)]),
        iou_thresholds=[0.5, 1.0],
    ),
    "at a threshold": a_case(
        ([(1, [0, 0, 10, 10])], [(1, [0, 0, 10, 5], 0.9)]),
        ([(1, [0, 0, 20, 10])], [(1, [0, 0, 15, 10], 0.8)]),
        ([(1, [0, 0, 20, 20])], [(1, [0, 0, 20, 19], 0.7)]),
    ),
    "a crowd": a_case(
        (
            [(1, LARGE, CROWD), (1, BOX)],
            [(1, BOX, 0.9), (1, [60, 60, 30, 30], 0.8), (1, SMALL, 0.7)],
        ),
        ([(1, BOX)], [(1, BOX, 0.5), (1, [150, 120, 90, 90], 0.95)]),
    ),
    "a crowd of another class": a_case(
        ([(1, LARGE, CROWD), (2, BOX)], [(2, BOX, 0.5)])
    ),
    "crowds alone": a_case(([(1, LARGE, CROWD)], [(1, BOX, 0.9), (1, LARGE, 0.8)])),
    "a box before a crowd with more overlap": a_case(
        ([(1, [10, 10, 30, 40]), (1, LARGE, CROWD)], [(1, BOX, 0.9), (1, BOX, 0.8)])
    ),
    "limits of areas": a_case(
        (
            [(1, [0, 0, 32, 32]), (1, [100, 100, 96, 96])],
            [
                (1, [0, 0, 32, 32], 0.9),
                (1, [100, 100, 96, 96], 0.8),
                (1, [300, 0, 32, 32], 0.95),
                (1, [300, 100, 33, 32], 0.7),
            ],
        )
    ),
    "areas of objects": a_case(
        (
            [(1, BOX, {"area": 900}), (1, LARGE, {"area": 1000})],
            [(1, BOX, 0.9), (1, LARGE, 0.8), (1, [100, 0, 50, 50], 0.95)],
        )
    ),
    "many detections": a_case(
        (
            [(1, BOX), (1, SMALL)],
            [(1, [i, i, 40, 40], 1 - i / 200) for i in range(100)]
            + [(1, SMALL, 0.3), (2, BOX, 0.4)],
        )
    ),
    "many classes": a_case(
        *(
            (
                [(7 * i + j, [j, j, 30 + i, 40]) for j in range(20)],
                [(7 * i + j, [j + i % 3, j, 30, 40], 1 / (1 + j)) for j in range(25)],
            )
            for i in range(60)
        )
    ),
    "nothing of a size": a_case(([(1, LARGE)], [(1, LARGE, 0.5), (1, SMALL, 0.9)])),
    "boxes without an area": a_case(
        ([(1, BOX), (1, [30, 30, 0, 0])], [(1, [5, 5, 0, 9], 0.9), (1, BOX, 0.8)])
    ),
    "other thresholds": random_case(6, "heap", iou_thresholds=[0.2, 0.5, 1.0]),
    "other limits": random_case(2, "heap", max_detections=[2, 3, 5]),
    "one limit": random_case(3, "heap", max_detections=[150]),
    "other areas": random_case(
        4, "grid", area_ranges={"tiny": [0, 500], "mid": [400, 4000]}
    ),
    # More of both than a word has bits.
    "many lanes": random_case(
        7,
        "grid",
        iou_thresholds=np.linspace(0.05, 0.95, 31).tolist(),
        area_ranges={f"{i}": [i * 300, i * 900 + 300] for i in range(7)},
    ),
    **{f"random {seed}": random_case(seed) for seed in range(40)},
}
WITH_OPTIONS = ("other thresholds", "other limits", "one limit", "many lanes")
OPTIONS = ("iou_thresholds", "area_ranges", "max_detections")


@pytest.fixture(scope="module")
def answers():
    version = importlib.metadata.version("pycocotools")
    return reference("pycocotools", coco, cases=CASES, version=version).arrays


def boxes_of(case):
    """Returns the boxes of a case in lists, as `coco_metrics` takes them."""

    def per_image(rows, place, *inner):
        return [
            np.array([x[place] for x in rows if x[0] == image]).reshape(-1, *inner)
            for image in range(case["images"])
        ]

    truth, found = case["truth"], case["found"]
    y_true = {
        "boxes": per_image(truth, 2, 4),
        "classes": per_image(truth, 1),
        "area": per_image(truth, 3),
        "is_crowd": per_image(truth, 4),
    }
    y_pred = {
        "boxes": per_image(found, 2, 4),
        "classes": per_image(found, 1),
        "confidence": per_image(found, 3),
    }
    return y_true, y_pred


@pytest.mark.parametrize("name", CASES)
def test_equal_to_pycocotools(answers, name):
    options = {key: CASES[name][key] for key in OPTIONS if key in CASES[name]}
    result = coco_metrics(*boxes_of(CASES[name]), "xywh", per_class=True, **options)
    summary = {key: value for key, value in result.items() if "class" not in key}
    np.testing.assert_allclose(list(summary.values()), answers[name], rtol=0, atol=1e-9)
    classes = answers[name + " classes"]
    # IoU=50 is what COCO's first threshold is, but in one case.
    keys = [key for key in result if "class" in key and "IoU" not in key]
    assert keys == [f"MaP@[class={int(number)}]" for number, *_ in classes]
    for number, precision, first in classes:
        assert result[f"MaP@[class={int(number)}]"] == pytest.approx(
            precision, abs=1e-9
        )
        if "iou_thresholds" not in options:
            key = f"MaP@[class={int(number)}, IoU=50]"
            assert result[key] == pytest.approx(first, abs=1e-9)


def test_cases_are_no_easy_ones(answers):
    """Numbers between 0 and 1, all different, or the comparison says little."""
    values = np.array([answers[f"random {seed}"] for seed in range(40)])
    assert len(np.unique(values[:, 0])) > 30
    for some in (values, *(answers[name] for name in WITH_OPTIONS)):
        some = some[some > -1]
        assert ((some > 0.02) & (some < 0.98)).mean() > 0.6
