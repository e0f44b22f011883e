"""Masks and prompts on images."""

import keras
import numpy as np
import pytest

from domain_core.testing.data import shared_data
from keras_cv.visualization import draw_masks, plot_mask_gallery
from keras_cv.visualization.mask_painting import _BACKGROUND, _FOREGROUND
from keras_cv.visualization.plot_segmentation_mask_gallery import palette

FIRST, SECOND = palette(3)[1:].astype("float32")


def image(height=60, width=80):
    return np.full((height, width, 3), 100, "uint8")


def mask(top=20, left=30, bottom=40, right=60):
    found = np.zeros((60, 80), bool)
    found[top:bottom, left:right] = True
    return found


def has(drawn, color):
    return (drawn == color).all(axis=-1)


def test_a_mask_is_tinted_and_has_an_edge():
    before = image()
    drawn = draw_masks(before, mask(), opacity=0.4, line_thickness=2)
    assert drawn.dtype == "uint8" and drawn.shape == (60, 80, 3)
    np.testing.assert_allclose(drawn[30, 45], 0.6 * 100 + 0.4 * FIRST, atol=1)
    is_edge = has(drawn, FIRST)
    assert is_edge[20:22, 30:60].all() and is_edge[20:40, 58:60].all()
    assert not is_edge[22:38, 32:58].any() and not is_edge[~mask()].any()
    # A dark line of one pixel, and nothing beyond.
    np.testing.assert_array_equal(drawn[19, 40], [40, 40, 40])
    beyond = np.ones((60, 80), bool)
    beyond[19:41, 29:61] = False
    assert (drawn[beyond] == 100).all()
    np.testing.assert_array_equal(before, image())


@pytest.mark.parametrize("kind", ["bool", "logits", "backend", "list", "dict"])
def test_forms_of_masks(kind):
    given = np.stack([mask(), mask(2, 3, 10, 20)])
    expected = draw_masks(image(), given)
    assert has(expected, FIRST)[20, 40] and has(expected, SECOND)[2, 5]
    form = {
        "bool": lambda x: x,
        "logits": lambda x: np.where(x, 0.1, -3.0).astype("float32"),
        "backend": keras.ops.convert_to_tensor,
        "list": list,
        "dict": lambda x: {"masks": x, "low_res_masks": np.zeros((2, 4, 4))},
    }[kind]
    np.testing.assert_array_equal(draw_masks(image(), form(given)), expected)


def test_small_masks_lie_on_large_ones():
    large, small = mask(5, 5, 55, 75), mask()
    for masks, color in (((large, small), SECOND), ((small, large), FIRST)):
        assert has(draw_masks(image(), np.stack(masks)), color)[20, 40]


def test_points():
    drawn = draw_masks(
        image(), None, points=[[20, 10], [50, 30], [70, 50]], labels=[1, 0, -1]
    )
    stars, discs = has(drawn, _FOREGROUND), has(drawn, _BACKGROUND)
    assert stars[10, 20] and not stars[:, 40:].any()
    assert discs[30, 50] and not discs[:, :40].any()
    assert (drawn[45:, 62:] == 100).all()
    # Around the centre of the pixel that was asked for; a star has a tip above.
    weight = np.abs(drawn[:, 40:60].astype("float32") - 100).sum(-1)
    rows, columns = np.mgrid[:60, 40:60]
    centre = [(weight * x).sum() / weight.sum() for x in (columns, rows)]
    np.testing.assert_allclose(centre, [50, 30], atol=0.3)
    reach = np.flatnonzero(stars.any(axis=1)) - 10
    assert reach[0] < -reach[-1]


@pytest.mark.parametrize(
    ("points", "labels"),
    [
        ([[[20, 10], [50, 30]], [[70, 50]]], [[1, 0], [1]]),
        ([[20, 10], [50, 30], [70, 50]], [1, 0, 1]),
        (
            [[[20, 10], [50, 30]], np.array([[70, 50], [-1, -1]])],
            [[1, 0], np.array([1, -1])],
        ),
    ],
)
def test_forms_of_points(points, labels):
    expected = draw_masks(
        image(), None, points=np.array([[20, 10], [50, 30], [70, 50]]), labels=(1, 0, 1)
    )
    found = draw_masks(image(), None, points=points, labels=labels)
    np.testing.assert_array_equal(found, expected)
    alone = draw_masks(image(), None, points=[20, 10])
    assert has(alone, _FOREGROUND)[10, 20]


def test_a_box_has_the_color_of_its_mask():
    masks = np.stack([mask(), mask(2, 3, 10, 20)])
    drawn = draw_masks(image(), masks, boxes=[[28, 18, 62, 42], [1, 1, 22, 12]])
    assert has(drawn, FIRST)[18:42, 28].all() and has(drawn, SECOND)[1:12, 21].all()
    one = draw_masks(image(), None, boxes=[28, 18, 62, 42])
    assert has(one, FIRST)[18:42, 61].all()


def test_scores_are_written():
    found = {"masks": np.stack([mask(), mask(2, 3, 2, 3)]), "scores": [0.9, 0.5]}
    plain = draw_masks(image(), found)
    drawn = draw_masks(image(), found, scores=True)
    # Above the first mask; the other one is empty.
    ground = has(drawn, FIRST) & ~has(plain, FIRST)
    assert ground[2:19].sum() > 50 and not ground[30:].any()
    assert not has(drawn, SECOND).any()
    np.testing.assert_array_equal(
        draw_masks(image(), found, scores=np.array([0.9, 0.5])), drawn
    )


@pytest.mark.parametrize("kind", ["list", "batch"])
def test_several_images(kind):
    images = [image(), image()]
    others = {"points": [None, [[5, 6]]], "scores": [[0.5], None]}
    drawn = draw_masks(
        images if kind == "list" else np.stack(images), [mask()[None], None], **others
    )
    assert drawn.shape == (2, 60, 80, 3)
    expected = draw_masks(image(), mask(), scores=[0.5])
    np.testing.assert_array_equal(drawn[0], expected)
    np.testing.assert_array_equal(drawn[1], draw_masks(image(), None, points=[5, 6]))
    sizes = draw_masks([image(), image(20, 30)], None)
    assert [x.shape for x in sizes] == [(60, 80, 3), (20, 30, 3)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"masks": np.zeros((2, 30, 40))}, r"shape \(objects, 60, 80\)"),
        ({"masks": np.zeros((2, 3, 60, 80))}, 'output="all"'),
        ({"masks": {"low_res_masks": 0}}, r"received one of \['low_res_masks'\]"),
        ({"points": [1, 2, 3]}, "points of 2 numbers"),
        ({"points": [1, 2], "labels": [1, 0]}, "each of 1 points, received 2"),
        ({"boxes": [1, 2, 3]}, "boxes of 4 numbers"),
        ({"scores": [0.5, 0.4]}, "each of 1 objects, received 2"),
        ({"scores": True}, "scores=True"),
        ({"opacity": 2}, "`opacity`"),
        ({"line_thickness": 0}, "`line_thickness`"),
        ({"font_scale": 0}, "`font_scale`"),
        ({"images": np.zeros((60, 80))}, "1, 3 or 4 channels"),
        ({"images": [image()] * 3, "masks": [None]}, "for 3 images, received 1"),
        ({"images": [image()], "masks": {"masks": 0}}, "list of 1.*received dict"),
        ({"images": [image()], "masks": [mask()[:9]]}, "masks of image 0"),
    ],
)
def test_refuses_to_draw(change, message):
    with pytest.raises(ValueError, match=message):
        draw_masks(**{"images": image(), "masks": mask(), **change})


def test_gallery_of_masks(tmp_path):
    from PIL import Image

    photographs = [
        np.asarray(Image.open(shared_data("photos") / f"{name}.jpg").resize((300, 200)))
        for name in ("truck", "groceries")
    ]
    found = {"masks": np.zeros((2, 200, 300), bool), "scores": np.array([0.9, 0.8])}
    found["masks"][0, 50:150, 100:200] = True
    path = tmp_path / "masks.png"
    figure = plot_mask_gallery(
        photographs, (0, 255), [found] * 2, scores=True, rows=1, cols=1, path=path
    )
    [picture] = [x.get_images()[0].get_array() for x in figure.axes]
    np.testing.assert_array_equal(
        picture, draw_masks(photographs[0], found, scores=True)
    )
    assert path.stat().st_size > 10_000
