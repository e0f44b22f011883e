import keras
import numpy as np
import pytest

from keras_cv.bounding_box import convert_format
from keras_cv.metrics import coco_metrics

NAMES = [
    *("MaP", "MaP@[IoU=50]", "MaP@[IoU=75]"),
    *("MaP@[area=small]", "MaP@[area=medium]", "MaP@[area=large]"),
    *("Recall@[max_detections=1]", "Recall@[max_detections=10]"),
    "Recall@[max_detections=100]",
    *("Recall@[area=small]", "Recall@[area=medium]", "Recall@[area=large]"),
]


def make_boxes(images=6, seed=0):
    """Returns true boxes, and others near by, xyxy, padded with -1."""
    source = np.random.default_rng(seed)
    corners = source.uniform(0, 60, (images, 5, 2))
    sides = np.exp(source.uniform(2.5, 4.5, (images, 5, 2)))
    boxes = np.concatenate([corners, corners + sides], axis=-1)
    classes = source.integers(0, 3, (images, 5))
    near = boxes + source.normal(0, 3, boxes.shape)
    near_classes = np.where(source.random(classes.shape) < 0.8, classes, 4)
    confidence = source.uniform(0.05, 1, classes.shape)
    for image in range(images):
        boxes[image, image:] = classes[image, image:] = -1
        none = slice(2 * image - 2, None)
        near[image, none] = near_classes[image, none] = confidence[image, none] = -1
    return (
        {"boxes": boxes.astype("float32"), "classes": classes.astype("float32")},
        {
            "boxes": near.astype("float32"),
            "classes": near_classes.astype("float32"),
            "confidence": confidence.astype("float32"),
        },
    )


TRUTH, FOUND = make_boxes()
EXPECTED = coco_metrics(TRUTH, FOUND, "xyxy")


def map_values(function):
    return [{k: function(v) for k, v in boxes.items()} for boxes in (TRUTH, FOUND)]


def without_padding(boxes, inner=np.asarray):
    kept = boxes["classes"] >= 0
    return {k: [inner(v[i][kept[i]]) for i in range(6)] for k, v in boxes.items()}


def test_numbers_have_upstream_names():
    assert list(EXPECTED) == NAMES
    assert all(isinstance(value, float) for value in EXPECTED.values())
    assert 0.1 < EXPECTED["MaP"] < 0.6 and EXPECTED["MaP@[area=large]"] == -1


@pytest.mark.backends
def test_tensors_of_the_backend():
    tensors = map_values(keras.ops.convert_to_tensor)
    assert coco_metrics(*tensors, "xyxy") == EXPECTED


def test_tensors_of_other_libraries():
    torch = pytest.importorskip("torch", reason="needs torch")
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow")
    for convert in (torch.from_numpy, tf.constant):
        assert coco_metrics(*map_values(convert), "xyxy") == EXPECTED
    ragged = [
        {k: tf.ragged.boolean_mask(v, boxes["classes"] >= 0) for k, v in boxes.items()}
        for boxes in (TRUTH, FOUND)
    ]
    assert coco_metrics(*ragged, "xyxy") == EXPECTED


@pytest.mark.parametrize("inner", [np.asarray, np.ndarray.tolist])
def test_lists(inner):
    lists = [without_padding(boxes, inner) for boxes in (TRUTH, FOUND)]
    assert coco_metrics(*lists, "xyxy") == EXPECTED
    dicts = [
        [{key: value[i] for key, value in boxes.items()} for i in range(6)]
        for boxes in lists
    ]
    assert coco_metrics(*dicts, "xyxy") == EXPECTED


def test_one_image():
    first = [{k: v[3] for k, v in boxes.items()} for boxes in (TRUTH, FOUND)]
    batch = [{k: v[3:4] for k, v in boxes.items()} for boxes in (TRUTH, FOUND)]
    assert coco_metrics(*first, "xyxy") == coco_metrics(*batch, "xyxy")
    nested = [{k: v.tolist() for k, v in boxes.items()} for boxes in first]
    assert coco_metrics(*nested, "xyxy") == coco_metrics(*batch, "xyxy")


def test_one_hot_classes():
    truth = {**TRUTH, "classes": np.eye(5)[TRUTH["classes"].astype(int)]}
    truth["classes"][TRUTH["classes"] < 0] = -1
    assert coco_metrics(truth, FOUND, "xyxy") == EXPECTED


@pytest.mark.parametrize("where", [0, 1, 2])
def test_padding_changes_nothing(where):
    """Also between the rows, as augmentation leaves it."""
    padded = [
        {k: np.insert(v, [where, 5, 5], -1, axis=1) for k, v in boxes.items()}
        for boxes in (TRUTH, FOUND)
    ]
    assert coco_metrics(*padded, "xyxy") == EXPECTED


@pytest.mark.parametrize(
    "key", ["boxes", "classes", "confidence", "num_detections", "NaN"]
)
def test_each_sign_of_padding(key):
    """One of them is enough, whatever the others hold."""
    found = {k: v.copy() for k, v in FOUND.items()}
    kept = found["classes"] >= 0
    found["confidence"][~kept] = 0.99
    for key_of_both in ("boxes", "classes"):  # each of it a find
        found[key_of_both][~kept] = np.maximum(TRUTH[key_of_both][~kept], 0)
    assert coco_metrics(TRUTH, found, "xyxy") != EXPECTED
    if key == "num_detections":
        found[key] = kept.sum(axis=1)
    elif key == "NaN":
        found["boxes"][~kept, 1] = np.nan
    else:
        found[key][~kept] = -1
    assert coco_metrics(TRUTH, found, "xyxy") == EXPECTED


def test_a_confidence_of_0_counts():
    """Upstream drops such detections."""
    found = {**FOUND, "confidence": FOUND["confidence"] * 0}
    found["confidence"][FOUND["classes"] < 0] = -1
    recall = "Recall@[max_detections=100]"
    assert coco_metrics(TRUTH, found, "xyxy")[recall] == EXPECTED[recall]


@pytest.mark.parametrize("spelling", ["is_crowd", "iscrowd"])
def test_crowds(spelling):
    truth = {"boxes": [[[0, 0, 90, 90], [5, 5, 45, 45]]], "classes": [[1, 1]]}
    found = {
        "boxes": [[[5, 5, 45, 45], [60, 60, 80, 80], [50, 50, 70, 70]]],
        "classes": [[1, 1, 1]],
        "confidence": [[0.5, 0.9, 0.8]],
    }
    # What is in the crowd is no mistake.
    assert coco_metrics({**truth, spelling: [[1, 0]]}, found, "xyxy")["MaP"] == 1
    assert coco_metrics(truth, found, "xyxy")["MaP"] < 0.5


def test_defect_6_misses_on_images_without_detections_count():
    """KerasCV leaves such images out, and says 1 (facts 7.4, 6)."""
    truth = {"boxes": [[[0, 0, 9, 9]], [[0, 0, 9, 9]]], "classes": [[0], [0]]}
    found = {"boxes": [[[0, 0, 9, 9]], []], "classes": [[0], []]}
    found["confidence"] = [[0.9], []]
    result = coco_metrics(truth, found, "xyxy")
    assert result["Recall@[max_detections=100]"] == 0.5
    assert result["MaP"] == pytest.approx(51 / 101)  # at recalls of 0 to 0.5


@pytest.mark.parametrize("sizes", ["one", "of each"])
@pytest.mark.parametrize("format", ["rel_xyxy", "rel_center_yxhw", "center_xywh"])
def test_formats(format, sizes):
    shape = (
        [200, 400, 3] if sizes == "one" else [[200 + 300 * i, 400, 3] for i in range(6)]
    )
    converted = [
        convert_format(boxes, "xyxy", format, image_shape=shape, dtype="float64")
        for boxes in map_values(lambda value: value.astype("float64"))
    ]
    result = coco_metrics(*converted, format, image_shape=shape)
    assert list(result.values()) == pytest.approx(list(EXPECTED.values()), abs=1e-9)


def test_boxes_inside_out_are_mistakes():
    """COCO's own program leaves out those with a negative area."""
    truth = {"boxes": [[[0, 0, 9, 9]]], "classes": [[1]]}
    found = {"boxes": [[[9, 0, 0, 9], [0, 0, 9, 9]]], "classes": [[1, 1]]}
    result = coco_metrics(truth, {**found, "confidence": [[0.9, 0.8]]}, "xyxy")
    assert result["MaP"] == 0.5


def test_classes():
    result = coco_metrics(TRUTH, FOUND, "xyxy", per_class=True)
    single = [result[f"MaP@[class={number}]"] for number in range(3)]
    assert np.mean(single) == pytest.approx(EXPECTED["MaP"])
    single = [result[f"MaP@[class={number}, IoU=50]"] for number in range(3)]
    assert np.mean(single) == pytest.approx(EXPECTED["MaP@[IoU=50]"])
    # Class 4 was found, but is not there.
    assert list(result) == NAMES + [
        f"MaP@[class={number}{iou}]" for number in range(3) for iou in ("", ", IoU=50")
    ]
    for names in (["a", "b"], {0: "a", 1: "b"}):
        named = coco_metrics(TRUTH, FOUND, "xyxy", per_class=True, class_names=names)
        assert named["MaP@[class=b]"] == result["MaP@[class=1]"]
        assert named["MaP@[class=2]"] == result["MaP@[class=2]"]


def test_names_follow_the_arguments():
    result = coco_metrics(
        TRUTH,
        FOUND,
        "xyxy",
        iou_thresholds=(0.3, 0.5),
        area_ranges={"any": (0, 1e9)},
        max_detections=[5],
    )
    assert list(result) == [
        *("MaP", "MaP@[IoU=50]", "MaP@[area=any]"),
        *("Recall@[max_detections=5]", "Recall@[area=any]"),
    ]
    assert result["MaP"] == result["MaP@[area=any]"] > result["MaP@[IoU=50]"]


def test_many_images_in_blocks(monkeypatch):
    """However many pairs of boxes are compared at once."""
    from keras_cv.metrics import coco_matching

    monkeypatch.setattr(coco_matching, "_BLOCK", 3)
    assert coco_metrics(TRUTH, FOUND, "xyxy") == EXPECTED


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y_true": TRUTH["boxes"]}, "`y_true` as a dict"),
        ({"y_true": {"boxes": TRUTH["boxes"]}}, r"\['boxes', 'classes'\] in `y_true`"),
        ({"y_pred": TRUTH}, r"'confidence'\] in `y_pred`"),
        ({"y_pred": [TRUTH, FOUND]}, "same keys"),
        ({"y_pred": {k: v[:4] for k, v in FOUND.items()}}, "received 6 and 4"),
        ({"y_true": {**TRUTH, "classes": np.ones((6, 4))}}, 'as many "classes"'),
        ({"y_true": {**TRUTH, "boxes": np.ones((6, 5, 5))}}, r"\(B, N, 4\)"),
        ({"y_true": {**TRUTH, "boxes": TRUTH["boxes"] * np.nan}}, "finite"),
        ({"bounding_box_format": "xy"}, "bounding box format"),
        ({"bounding_box_format": "rel_xyxy"}, "`image_shape`"),
        (
            {"bounding_box_format": "rel_xyxy", "image_shape": [[4, 4, 3]] * 2},
            "for each of 6; received 2",
        ),
        ({"iou_thresholds": (0.5, 0.5)}, "`iou_thresholds`"),
        ({"iou_thresholds": (0, 0.5)}, "`iou_thresholds`"),
        ({"iou_thresholds": (50,)}, "`iou_thresholds`"),
        ({"iou_thresholds": ()}, "`iou_thresholds`"),
        ({"area_ranges": {"small": 32}}, "`area_ranges`.*'small'"),
        ({"area_ranges": {"small": (9, 3)}}, "`area_ranges`"),
        ({"max_detections": (10, 1)}, "`max_detections`"),
        ({"max_detections": (0, 1)}, "`max_detections`"),
    ],
)
def test_refuses(arguments, message):
    given = {"y_true": TRUTH, "y_pred": FOUND, "bounding_box_format": "xyxy"}
    with pytest.raises(ValueError, match=message):
        coco_metrics(**given | arguments)
