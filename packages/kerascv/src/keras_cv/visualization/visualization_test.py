import sys

import keras
import numpy as np
import pytest

from domain_core.testing.data import shared_data
from keras_cv.visualization import (
    draw_bounding_boxes,
    plot_bounding_box_gallery,
    plot_image_gallery,
    plot_segmentation_mask_gallery,
)
from keras_cv.visualization.plot_segmentation_mask_gallery import palette

CYAN = (0, 188, 212)


def grey(count=2, height=60, width=80, value=100):
    return np.full((count, height, width, 3), value, "uint8")


def boxes(**others):
    return {
        "boxes": np.array([[[20, 24, 60, 50]], [[-1, -1, -1, -1]]], "float32"),
        "classes": np.array([[1], [-1]], "float32"),
        **others,
    }


def pictures(figure):
    """Returns what a figure shows, one array per axis with an image."""
    return [
        np.asarray(axis.get_images()[0].get_array())
        for axis in figure.axes
        if axis.get_images()
    ]


def has(image, color):
    return (np.asarray(image)[..., :3] == color).all(axis=-1).any()


@pytest.fixture(params=["numpy", "backend", "list"])
def given(request):
    """Returns images in one of the forms in which users have them."""
    return {
        "numpy": lambda x: x,
        "backend": keras.ops.convert_to_tensor,
        "list": list,
    }[request.param]


# draw_bounding_boxes


def test_draws_a_box_where_it_is(given):
    drawn = draw_bounding_boxes(given(grey()), boxes(), CYAN, "xyxy")
    assert drawn.dtype == "uint8" and drawn.shape == (2, 60, 80, 3)
    is_line = (drawn[0] == CYAN).all(axis=-1)
    # The right and the bottom edge are the last pixels that belong to the box.
    assert is_line[24:50, 20].all() and is_line[24:50, 59].all()
    assert is_line[49, 20:60].all() and not is_line[50:, :].any()
    np.testing.assert_array_equal(drawn[1], grey()[1])  # padding: nothing


@pytest.mark.parametrize(
    ("format", "numbers"),
    [
        ("xywh", [20, 24, 40, 26]),
        ("center_yxhw", [37, 40, 26, 40]),
        ("rel_yxyx", [24 / 60, 20 / 80, 50 / 60, 60 / 80]),
    ],
)
def test_formats(format, numbers):
    given = boxes()
    given["boxes"] = np.array([[numbers], [[-1, -1, -1, -1]]], "float32")
    drawn = draw_bounding_boxes(grey(), given, CYAN, format)
    expected = draw_bounding_boxes(grey(), boxes(), CYAN, "xyxy")
    np.testing.assert_array_equal(drawn, expected)


def test_value_range():
    images = grey().astype("float32") / 255
    drawn = draw_bounding_boxes(images, boxes(), CYAN, "xyxy", value_range=(0, 1))
    np.testing.assert_array_equal(
        drawn, draw_bounding_boxes(grey(), boxes(), CYAN, "xyxy")
    )


def test_label_tells_name_and_confidence():
    def drawn(**others):
        names = {1: "cell"}
        return draw_bounding_boxes(
            grey(), boxes(**others), CYAN, "xyxy", class_mapping=names
        )

    plain, sure = drawn(), drawn(confidence=np.array([[0.87], [-1.0]]))
    # The ground of the text, above the box, is wider with a confidence.
    label = (plain[0, :23] != 100).any(axis=(0, 2)).sum()
    assert label > 10
    assert (sure[0, :23] != 100).any(axis=(0, 2)).sum() > label + 10


def test_label_inside_where_there_is_no_room_above():
    given = {"boxes": [[[10, 0, 70, 55]]], "classes": [[3]]}
    drawn = draw_bounding_boxes(grey(1), given, CYAN, "xyxy")
    assert (drawn[0, 2:12, 12:16] == CYAN).all(axis=-1).any()


def test_images_of_different_sizes():
    images = [grey(1)[0], grey(1, 30, 40)[0]]
    drawn = draw_bounding_boxes(images, boxes(), CYAN, "xyxy")
    assert [x.shape for x in drawn] == [(60, 80, 3), (30, 40, 3)]


def test_arguments_are_not_changed():
    images, given = grey(), boxes()
    draw_bounding_boxes(images, given, CYAN, "xyxy")
    np.testing.assert_array_equal(images, grey())
    np.testing.assert_array_equal(given["boxes"], boxes()["boxes"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": grey()[0]}, r"images\[None\]"),
        ({"color": (0, 0, 256)}, "`color`"),
        ({"bounding_box_format": "xy"}, "bounding box format"),
        ({"line_thickness": 0}, "`line_thickness`"),
        ({"font_scale": 0}, "`font_scale`"),
        ({"class_mapping": "cell"}, "`class_mapping`"),
        ({"images": grey(3)}, "for 3 images, received 2"),
        ({"value_range": (0, 1)}, r"Pass value_range=\(0, 255\)"),
        ({"value_range": (1, 1)}, "`value_range`"),
    ],
)
def test_refuses_to_draw(change, message):
    arguments = {
        "images": grey(),
        "bounding_boxes": boxes(),
        "color": CYAN,
        "bounding_box_format": "xyxy",
    }
    with pytest.raises(ValueError, match=message):
        draw_bounding_boxes(**arguments | change)


# plot_image_gallery


def test_gallery_shows_images(given):
    figure = plot_image_gallery(given(grey(4)), (0, 255))
    assert len(pictures(figure)) == 4
    np.testing.assert_array_equal(pictures(figure)[3], grey()[0])


@pytest.mark.parametrize("key", ["images", "image"])
@pytest.mark.parametrize("batch", [None, 2])
def test_gallery_of_tf_data(key, batch):
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow")
    dataset = tf.data.Dataset.from_tensor_slices({key: grey(6)})
    dataset = dataset.batch(batch) if batch else dataset
    figure = plot_image_gallery(dataset, (0, 255), rows=2, cols=2)
    assert len(pictures(figure)) == 4


@pytest.mark.parametrize(
    ("count", "options", "grid"),
    [
        (5, {}, 5),
        (5, {"rows": 3}, 5),
        (5, {"cols": 2}, 5),
        (5, {"rows": 2, "cols": 2}, 4),
    ],
)
def test_gallery_leaves_no_image_out(count, options, grid):
    # Upstream rounds down: five images in three rows get one column.
    assert len(pictures(plot_image_gallery(grey(count), (0, 255), **options))) == grid


@pytest.mark.parametrize("channels", [1, 4])
def test_gallery_of_other_channels(channels):
    images = np.full((1, 8, 8, channels), 0.5, "float32")
    [picture] = pictures(plot_image_gallery(images, (0, 1)))
    np.testing.assert_array_equal(picture, np.full((8, 8, 3), 128))


def test_gallery_writes_a_file(tmp_path):
    from PIL import Image

    path = tmp_path / "gallery.png"
    figure = plot_image_gallery(grey(4), (0, 255), path=path, scale=1, dpi=50)
    with Image.open(path) as written:
        assert written.width == pytest.approx(2 * 50 + 6, abs=2)
        # One pixel of the screen for one of 50: nothing is blurred by the layout.
        assert written.convert("RGB").getpixel((25, 20)) == (100, 100, 100)
    assert len(pictures(figure)) == 4


def test_figures_do_not_pile_up():
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    plot_image_gallery(grey(), (0, 255))
    assert pyplot.get_fignums() == before


def test_show(monkeypatch):
    from matplotlib import pyplot

    shown = []
    pyplot.switch_backend("agg")
    monkeypatch.setattr(pyplot, "show", lambda: shown.append(1))
    figure = plot_image_gallery(grey(), (0, 255), show=True)
    assert shown and len(pictures(figure)) == 2
    pyplot.close(figure)
    with pytest.raises(ValueError, match="one of `path` and `show`"):
        plot_image_gallery(grey(), (0, 255), show=True, path="x.png")


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "kerascv\[plots\]"'):
        plot_image_gallery(grey(), (0, 255))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((0, 4, 4, 3)), (0, 255)), "at least one image"),
        ((np.zeros((4, 4)), (0, 255)), "1, 3 or 4 channels"),
        (({"pictures": grey()}, (0, 255)), '"images" or "image"'),
        ((grey(), 255), "`value_range`"),
        ((grey(), (0, 255), 0), "`scale`"),
        ((grey(), (0, 255), 1, 0), "`rows`"),
    ],
)
def test_refuses_to_plot(arguments, message):
    with pytest.raises(ValueError, match=message):
        plot_image_gallery(*arguments)


# plot_bounding_box_gallery


def test_defect_29_images_from_0_to_1_are_not_blackened():
    """KerasCV casts them to uint8 before it draws (facts 7.4, 29)."""
    images = np.full((2, 60, 80, 3), 0.6, "float32")
    figure = plot_bounding_box_gallery(images, (0, 1), "xyxy", boxes())
    for picture in pictures(figure):
        assert np.median(picture) == 153


def test_true_and_predicted_boxes_with_a_legend():
    figure = plot_bounding_box_gallery(
        grey(),
        (0, 255),
        "xyxy",
        y_true=boxes(),
        y_pred=boxes(confidence=np.array([[0.5], [-1]]))
        | {"boxes": boxes()["boxes"] + 5},
        class_mapping=["a", "b"],
        legend=True,
        rows=1,
        cols=2,
    )
    first, second = pictures(figure)
    assert has(first, CYAN) and has(first, (255, 235, 59))
    assert not has(second, CYAN) and not has(second, (255, 235, 59))
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["Ground truth", "Predictions"]
    with pytest.raises(ValueError, match="one of `legend` and `legend_handles`"):
        plot_bounding_box_gallery(
            grey(), (0, 255), "xyxy", boxes(), legend=True, legend_handles=[1]
        )


def test_boxes_that_come_with_the_images():
    given = {"images": grey(), "bounding_boxes": boxes()}
    figure = plot_bounding_box_gallery(given, (0, 255), "xyxy")
    expected = plot_bounding_box_gallery(grey(), (0, 255), "xyxy", boxes())
    for one, other in zip(pictures(figure), pictures(expected), strict=True):
        np.testing.assert_array_equal(one, other)


def test_boxes_of_a_tf_data_dataset():
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow")
    given = {"images": grey(), "bounding_boxes": boxes()}
    dataset = tf.data.Dataset.from_tensor_slices(given)
    for elements in (dataset, dataset.batch(2)):
        figure = plot_bounding_box_gallery(elements, (0, 255), "xyxy")
        assert [has(x, CYAN) for x in pictures(figure)] == [True, False]


def test_boxes_on_real_photographs(tmp_path):
    from keras_cv.datasets import read_pascal_voc

    dataset = read_pascal_voc(shared_data("bccd"), first_pixel=0)
    path = tmp_path / "cells.png"
    figure = plot_bounding_box_gallery(
        dataset, (0, 255), "xyxy", class_mapping=dataset.class_names, path=path
    )
    assert len(pictures(figure)) == 9 and path.stat().st_size > 50_000
    assert all(has(picture, CYAN) for picture in pictures(figure))


# plot_segmentation_mask_gallery


def masks(kind):
    classes = np.zeros((2, 60, 80), "int32")
    classes[:, 10:50, 20:60] = 2
    return {
        "rank 3": classes,
        "rank 4": classes[..., None].astype("uint8"),
        "one-hot": np.eye(3, dtype="float32")[classes],
        "list": list(classes),
        "backend": keras.ops.convert_to_tensor(classes),
    }[kind]


@pytest.mark.parametrize("kind", ["rank 3", "rank 4", "one-hot", "list", "backend"])
def test_defect_29_masks_of_any_rank(kind):
    """KerasCV fails on rank 3 and on one-hot, and drops the figure (7.4, 29)."""
    figure = plot_segmentation_mask_gallery(
        grey(), (0, 255), 3, masks(kind), masks(kind), rows=1, cols=2
    )
    strips = pictures(figure)
    assert len(strips) == 2
    image, gap = 80, 4
    assert strips[0].shape == (60, 3 * image + 2 * gap, 3)
    np.testing.assert_array_equal(strips[0][:, :image], grey()[0])
    for start in (image + gap, 2 * (image + gap)):
        part = strips[0][:, start : start + image]
        # 0.6 of the class's color over 0.4 of the image.
        np.testing.assert_allclose(
            part[30, 40], 0.4 * 100 + 0.6 * palette(3)[2], atol=1
        )
        np.testing.assert_allclose(part[2, 2], 40, atol=1)


@pytest.mark.parametrize("ignored", [255, -1])
def test_pixels_of_no_class_stay(ignored):
    mask = np.full((1, 60, 80), ignored)
    [strip] = pictures(plot_segmentation_mask_gallery(grey(1), (0, 255), 3, mask))
    np.testing.assert_array_equal(strip[:, 84:], grey(1)[0])


def test_masks_on_images_from_0_to_1():
    images = np.full((2, 60, 80, 3), 100 / 255, "float32")
    [one, _] = pictures(
        plot_segmentation_mask_gallery(images, (0, 1), 3, masks("rank 3"))
    )
    [two, _] = pictures(
        plot_segmentation_mask_gallery(grey(), (0, 255), 3, masks("rank 3"))
    )
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("count", [2, 8, 20])
def test_colors_are_told_apart(count):
    colors = palette(count).astype("float32")
    distance = np.linalg.norm(colors[:, None] - colors[None], axis=-1)
    assert distance[~np.eye(count, dtype=bool)].min() > 35


def test_legend_of_classes():
    figure = plot_segmentation_mask_gallery(
        grey(), (0, 255), 3, masks("rank 3"), class_mapping={0: "none", 2: "cell"}
    )
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["none", "cell"]


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros((2, 60, 80, 4)), "one-hot"),
        (np.zeros((2, 30, 80)), r"received \(30, 80\)"),
        (np.zeros((1, 60, 80)), "for 2 images, received 1"),
    ],
)
def test_refuses_masks(mask, message):
    with pytest.raises(ValueError, match=message):
        plot_segmentation_mask_gallery(grey(), (0, 255), 3, y_pred=mask)
