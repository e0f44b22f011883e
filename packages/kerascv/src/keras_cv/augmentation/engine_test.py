"""Every primitive on every engine and dtype, on given parameters.

NumPy's engine is held against formulas, all others against NumPy's. An engine runs all
cases in one go: what is compiled is one program.
"""

import colorsys
import dataclasses
import functools

import keras
import ml_dtypes
import numpy as np
import pytest

from keras_cv.augmentation import crop_windows
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.engine import Engine
from keras_cv.augmentation.engines import NUMPY, keras_engine, tensorflow_engine
from keras_cv.augmentation.statistics import look_up, nearest_level
from keras_cv.augmentation.transform import (
    FILL_MODES,
    RESIZE_INTERPOLATIONS,
    Transform,
)

BATCH, HEIGHT, WIDTH = 3, 12, 15
# Levels of 0 to 255 by which engines may differ.
LEVELS = {"uint8": 1.0, "float32": 0.0255, "float16": 0.15, "bfloat16": 1.5}
HALVES = ("float16", "bfloat16")
TURN = np.array([0.3, -0.2, 0.05])
ROWS = np.array([0.25, 0.5, 1.25], "float32")
BOXES = np.array([[2, 1, 9, 8], [0, 0, 15, 12], [4, 4, 4, 9]], "float32")
SOURCES = np.array([[0, 1, 2, 0], [1, 1, 0, 2], [2, 0, 0, 1]], "int32")


def images_of(dtype, seed=0, channels=3):
    """Returns smooth images: half a pixel of noise would be another image."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH, :1][:2]
    a, b, c = rng.uniform(0.05, 0.3, (3, BATCH, 1, 1, channels))
    images = 127.5 + 120 * np.sin(a * x + b * y + 20 * c)
    return np.rint(images).astype(dtype) if dtype == "uint8" else as_type(images, dtype)


def as_type(array, dtype):
    return array.astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)


def rotation(angle, y=HEIGHT / 2, x=WIDTH / 2):
    cos, sin = np.cos(angle), np.sin(angle)
    return [[cos, -sin, x - cos * x + sin * y], [sin, cos, y - sin * x - cos * y]]


def affine(rows, **attributes):
    """Returns the transform of matrices `(B, 2, 3)`."""
    matrix = np.tile(np.eye(3), (BATCH, 1, 1))
    matrix[:, :2] = rows
    return Transform(matrix.astype("float32"), **attributes)


TURNED = [rotation(angle) for angle in TURN]
ZOOMED = [
    [[1.3, 0, -2.2], [0, 0.8, 1.1]],
    [[0.7, 0, 3], [0, 0.7, 1]],
    [[2, 0, -7], [0, 1, 0.3]],
]
FLIPS = [
    [[-1, 0, WIDTH], [0, 1, 0]],
    [[1, 0, 0], [0, -1, HEIGHT]],
    [[1, 0, 0], [0, 1, 0]],
]
SIDEWAYS = [[[1, k, 0.4], [0, 1, 0]] for k in (0.3, -0.2, 0.5)]
UPWARDS = [[[1, 0, 0], [k, 1, -0.7]] for k in (0.3, -0.2, 0.5)]
FLIP = {"is_exact": True, "is_axis_aligned": True, "stays_inside": True}
SEEN_ASIDE = affine(TURNED, fill_mode="constant", fill_value=9.0)
SEEN_ASIDE.matrix[:, 2, :2] = [[0.01, -0.004], [0.0, 0.006], [-0.003, 0.0]]


def resized(size, window=None, **attributes):
    window = [[0, 0, WIDTH, HEIGHT]] * BATCH if window is None else window
    return crop_windows.stretched(
        np.array(window, "float32"), size, NUMPY.ops, **attributes
    )


PARTS = [[0, 0, 15, 12], [3, 2, 10, 12], [1, 0, 15, 5]]
CORNERS = [[0, 0, 4, 5], [3, 2, 7, 7], [11, 7, 15, 12]]
TRANSFORMS = {
    "flip": affine(FLIPS, fill_mode="nearest", **FLIP),
    "crop": resized((5, 4), CORNERS, is_exact=True),
    "seen aside": SEEN_ASIDE,
    "sideways": affine(SIDEWAYS, along=1),
    "upwards": affine(UPWARDS, along=0, fill_mode="constant", fill_value=3.0),
    "into the corner": affine(
        [[[0.5, 0, 0], [0, 0.5, 0]]] * 3,
        size=(8, 9),
        fill_mode="nearest",
        inner=np.array([[6, 7], [5, 5], [8, 9]], "float32"),
        is_axis_aligned=True,
        stays_inside=True,
    ),
    "larger": resized((20, 18), PARTS),
    "nearest in a window": resized((7, 6), PARTS, interpolation="nearest"),
    **{
        f"rotated {mode}": affine(TURNED, fill_mode=mode, fill_value=7.0)
        for mode in FILL_MODES
    },
    **{
        f"zoomed {mode}": affine(
            ZOOMED, fill_mode=mode, fill_value=7.0, is_axis_aligned=True
        )
        for mode in FILL_MODES
    },
    **{
        f"zoomed {mode} nearest": affine(
            ZOOMED, fill_mode=mode, is_axis_aligned=True, interpolation="nearest"
        )
        for mode in FILL_MODES
    },
    **{
        f"rotated {mode} nearest": affine(
            TURNED, fill_mode=mode, interpolation="nearest"
        )
        for mode in FILL_MODES
    },
    **{
        f"resized {name}": dataclasses.replace(
            resized((9, 19), interpolation=name), window=None
        )
        for name in RESIZE_INTERPOLATIONS
    },
}


def warp(name):
    def run(engine, images, others):
        transform = TRANSFORMS[name]
        arrays = {
            key: engine.ops.convert_to_tensor(value)
            for key in ("matrix", "window", "inner")
            if (value := getattr(transform, key)) is not None
        }
        transform = dataclasses.replace(transform, **arrays)
        return engine.warp(images, transform, transform.interpolation)

    return run


def stretch(values, parameters, statistics, ops):
    low, high = statistics.minimum, statistics.maximum
    mean = statistics.mean_of(lambda values: values / 2)
    return (values - low) * 200 / (high - low) + parameters["add"] + 0.1 * mean


def brighten(values, parameters, statistics, ops):
    return ops.clip(
        values * 0.5 + parameters["add"] + 0.1 * statistics.mean, 0.0, 255.0
    )


def rank(values, parameters, statistics, ops):
    counts = statistics.histogram(0.0, 255.0, 16)
    index = nearest_level(values, 0.0, 255.0, 16, ops)
    return look_up(ops.cumsum(counts, axis=1), index, ops) + parameters["add"]


def on(engine, *arrays):
    return [engine.ops.convert_to_tensor(array) for array in arrays]


def added(engine, *shape):
    return {"add": on(engine, np.resize(np.float32([4, 20, 9, 1, 30]), shape))[0]}


def matrices(engine, *shape):
    return on(engine, np.resize(np.float32([0.2, 0.5, 0.1, 0.3]), (BATCH, *shape)))[0]


def kernels(engine, *sizes):
    rows = [
        np.resize(np.float32([0.1, 0.3, 0.2, 0.25]), (BATCH, size)) for size in sizes
    ]
    return on(engine, *rows)


def patterns(engine, *shape):
    return on(engine, np.resize(np.float32([5, 90, 200, 17, 33]), (BATCH, *shape, 3)))[
        0
    ]


def is_low(parameters, height, width, ops):
    y, x = (ops.cast(ops.arange(length), "float32") for length in (height, width))
    return x[None, None] + y[None, :, None] < parameters["edge"][:, None, None]


def batch_of(engine, images):
    return Batch(engine, images, engine.sizes(images))


def fade(batch, rows):
    share, *_ = rows
    black = batch.images * 0
    return batch.replace(images=batch.engine.blend(batch.images, black, share))


def repeated(engine, images, others):
    steps = on(engine, np.stack([ROWS, 1 - ROWS], axis=1) / 4)
    faded = engine.in_parts(
        lambda batch, rows: engine.repeat(fade, batch, rows),
        batch_of(engine, images),
        steps,
    )
    return faded.images


def branched(engine, images, others):
    batch = batch_of(engine, images)
    (number,) = on(engine, np.int32(1))
    branches = [
        lambda: batch,
        lambda: batch.replace(images=engine.filter(images, *kernels3(engine))),
    ]
    return engine.branch(number, branches, batch).images


def kernels3(engine):
    return on(engine, np.resize(np.float32([0.1, 0.2, 0.05, 0.15]), (BATCH, 3, 3)))


def taken_out(engine, images, others):
    if not engine.takes_out_samples:
        return others[1:2]
    batch, (choice,) = batch_of(engine, images), on(engine, np.int32([0, 1, 0]))
    places = engine.places_of(choice, 1)
    part = batch_of(engine, engine.take_samples(others, places))
    combined = engine.combined(batch, [places], [part]).images
    return engine.take_samples(combined, places)


# By primitive, and what it is tried with; `e` is an engine, `a` and `b` are images.
CASES = {
    "sizes": lambda e, a, b: e.sizes(a),
    "as_dtype to uint8": lambda e, a, b: e.as_dtype(
        *on(e, np.resize(np.float32([1.5, 2.5, -3, 300]), (BATCH, 2, 2, 1))), "uint8"
    ),
    "take_samples": lambda e, a, b: e.take_samples(a, *on(e, np.int32([2, 0, 0]))),
    "map_values": lambda e, a, b: e.map_values(a, stretch, added(e, BATCH, 1, 3)),
    "map_values to float32": lambda e, a, b: e.map_values(
        a, stretch, added(e, BATCH, 1, 1), dtype="float32"
    ),
    "map_values by histogram": lambda e, a, b: e.map_values(
        a, rank, added(e, BATCH, 1, 1)
    ),
    "mix_channels": lambda e, a, b: e.mix_channels(a, matrices(e, 3, 3)),
    "mix_channels to one": lambda e, a, b: e.mix_channels(a, matrices(e, 1, 3)),
    "take_channels": lambda e, a, b: e.take_channels(
        a, *on(e, np.int32([[2, 0, 1], [0, 1, 2], [1, 1, 0]]))
    ),
    "adjust_hsv": lambda e, a, b: e.adjust_hsv(
        a, (0.0, 255.0), *on(e, np.float32([0.2, -1.4, 0.9]), ROWS * 1.5)
    ),
    "adjust_hsv of changed values": lambda e, a, b: e.adjust_hsv(
        a, (0.0, 255.0), *on(e, np.float32([0.2, -0.4, 0]), ROWS),
        function=brighten, parameters=added(e, BATCH, 1, 1),
    ),
    "blur constant": lambda e, a, b: e.blur(a, *kernels(e, 5, 3)),
    "blur reflect": lambda e, a, b: e.blur(a, *kernels(e, 3, 5), "reflect"),
    "blur nearest": lambda e, a, b: e.blur(a, *kernels(e, 1, 7), "nearest"),
    "filter": lambda e, a, b: e.filter(a, *kernels3(e)),
    **{f"warp {name}": warp(name) for name in TRANSFORMS},
    "blend": lambda e, a, b: e.blend(a, b, *on(e, ROWS - 0.25)),
    "add_weighted": lambda e, a, b: e.add_weighted(
        e.add_weighted(None, a, *on(e, ROWS)), b, *on(e, -ROWS)
    ),
    "paste": lambda e, a, b: e.paste(a, b, *on(e, BOXES)),
    "select": lambda e, a, b: e.select(
        *on(e, np.resize([True, False, False, True], (BATCH, HEIGHT, WIDTH))), b, a
    ),
    "tile": lambda e, a, b: e.tile(
        a, *on(e, SOURCES, np.float32([[3, 4], [0, 9], [12, 7]]))
    ),
    "fill_rectangles": lambda e, a, b: e.fill_rectangles(
        a, *on(e, BOXES), patterns(e, 1, 1)
    ),
    "fill_rectangles again and again": lambda e, a, b: e.fill_rectangles(
        a, *on(e, BOXES), patterns(e, 5, 4)
    ),
    "fill_where": lambda e, a, b: e.fill_where(
        a, is_low, {"edge": on(e, ROWS * 10)[0]}, patterns(e, 5, 4)
    ),
    "kth": lambda e, a, b: e.kth(
        *on(e, np.resize(np.float32([3, 1, 8, 1, 5]), (BATCH, 11)), np.int32([0, 4, 9]))
    ),
    "in_parts, repeat": repeated,
    "branch": branched,
    "places_of, combined": taken_out,
}  # fmt: skip
EXACT = (
    *("sizes", "as_dtype", "take_samples", "take_channels", "paste", "select", "tile"),
    *("fill_rectangles", "fill_where", "kth", "places_of"),
    *("warp flip", "warp crop"),
)
# Where programs are compiled: the others differ by what all engines compute alike.
COMPILED = [
    name
    for name in CASES
    if not name.endswith(("gaussian", "mitchellcubic", "lanczos5", "area"))
    and not name.endswith(("wrap nearest", "reflect nearest", "nearest nearest"))
]
# What only says how the others go about it.
HELPERS = {"is_compiled", "takes_branches", "takes_out_samples"}
# What runs the code of users, and is tried with it in `custom_layers_test.py`.
HELPERS |= {"loop", "seeded_uniform"}


def run_all(engine, images, others, cases=CASES):
    return {name: CASES[name](engine, images, others) for name in cases}


@functools.cache
def of_numpy(dtype):
    """Returns what NumPy's engine makes of images of a dtype; halves as float32."""
    pair = [images_of(dtype, seed) for seed in (0, 1)]
    return run_all(
        NUMPY, *[x if dtype == "uint8" else x.astype("float32") for x in pair]
    )


def assert_agree(found, dtype):
    """Compares all that came out with NumPy's engine."""
    problems = []
    for name, received in found.items():
        received = keras.ops.convert_to_numpy(received)
        expected = of_numpy(dtype)[name]
        assert received.shape == expected.shape, name
        allowed = 0.0 if name.startswith(EXACT) else LEVELS[dtype]
        if (
            dtype in HALVES
            and expected.dtype == np.float32
            and received.dtype != np.float32
        ):
            expected = as_type(expected, dtype)
        elif received.dtype != expected.dtype:
            problems.append((name, received.dtype, expected.dtype))
        difference = np.abs(received.astype("float64") - expected.astype("float64"))
        # A pixel may lie on the edge between two.
        is_near = "nearest" in name and "warp" in name
        worst = np.quantile(difference, 0.99) if is_near else difference.max()
        if not worst <= allowed:
            problems.append((name, worst))
    assert not problems


def test_every_primitive_has_a_case():
    primitives = {name for name in vars(Engine) if not name.startswith("_")}
    primitives -= {"ops", "on_host", "draws_from_backend", "compress", *HELPERS}
    tried = {word for name in CASES for word in name.replace(",", "").split()}
    assert primitives <= tried


def correlated(images, kernels, mode):
    """Convolves images `(B, H, W, C)` with kernels `(B, h, w)`, in float64."""
    y, x = (length // 2 for length in kernels.shape[1:])
    padding = {"constant": "constant", "reflect": "symmetric", "nearest": "edge"}[mode]
    padded = np.pad(images, [(0, 0), (y, y), (x, x), (0, 0)], padding)
    shape = kernels.shape[1:]
    windows = np.lib.stride_tricks.sliding_window_view(padded, shape, (1, 2))
    return np.einsum("bhwcij,bij->bhwc", windows, kernels)


def blurred(images, x_size, y_size, mode="constant"):
    rows = np.float32([0.1, 0.3, 0.2, 0.25])
    x, y = (np.resize(rows, (BATCH, size)) for size in (x_size, y_size))
    return correlated(images, y[:, :, None] * x[:, None, :], mode)


def sampled(images, rows, fill):
    """Looks up the pixels' centers where they came from, between four neighbours."""
    padded = np.pad(images, [(0, 0), (2, 2), (2, 2), (0, 0)], constant_values=fill)
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    results = []
    for image, row in zip(padded, rows, strict=True):
        back = np.linalg.inv([*row, [0, 0, 1]])
        u, v = (back[i, 0] * x + back[i, 1] * y + back[i, 2] + 1.5 for i in (0, 1))
        u, v = np.clip(u, 0, WIDTH + 2), np.clip(v, 0, HEIGHT + 2)
        j, i = u.astype(int), v.astype(int)
        right, down = (u - j)[..., None], (v - i)[..., None]
        top = image[i, j] * (1 - right) + image[i, j + 1] * right
        bottom = image[i + 1, j] * (1 - right) + image[i + 1, j + 1] * right
        results.append(top * (1 - down) + bottom * down)
    return np.stack(results)


def turned_hues(images, hues, saturations):
    results = np.empty_like(images)
    for place in np.ndindex(images.shape[:3]):
        hue, saturation, value = colorsys.rgb_to_hsv(*images[place] / 255)
        hue = (hue + hues[place[0]]) % 1
        saturation = min(saturation * saturations[place[0]], 1)
        results[place] = np.multiply(colorsys.hsv_to_rgb(hue, saturation, value), 255)
    return results


def inside(boxes):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    left, top, right, bottom = (boxes[:, i, None, None] for i in range(4))
    return ((x >= left) & (x < right) & (y >= top) & (y < bottom))[..., None]


def tiled(images, centers=((3, 4), (0, 9), (12, 7))):
    result = images.copy()
    for number, (y, x) in enumerate(centers):
        for corner, source in enumerate(SOURCES[number]):
            # Each shows the corner with which it meets the others.
            rows = (slice(0, y), slice(HEIGHT - y, None))
            columns = (slice(0, x), slice(WIDTH - x, None))
            if corner >= 2:
                rows = (slice(y, None), slice(0, HEIGHT - y))
            if corner % 2:
                columns = (slice(x, None), slice(0, WIDTH - x))
            shown = images[source, rows[1], columns[1]]
            result[number, rows[0], columns[0]] = shown
    return result


def repeat_over(pattern):
    return np.tile(pattern, (1, 3, 4, 1))[:, :HEIGHT, :WIDTH]


def colours(*shape):
    return np.resize(np.float64([5, 90, 200, 17, 33]), (BATCH, *shape, 3))


MIXED = np.resize([0.2, 0.5, 0.1, 0.3], (BATCH, 3, 3))
FILTER = np.resize([0.1, 0.2, 0.05, 0.15], (BATCH, 3, 3))
INNER = np.pad(np.ones((HEIGHT - 2, WIDTH - 2), bool), 1)[..., None]
EVERY_FOURTH = np.resize([1, 0, 0, 1], (BATCH, HEIGHT, WIDTH, 1)) == 1
SUM_OF_PLACES = np.add.outer(np.arange(HEIGHT), np.arange(WIDTH))
# What single primitives make of float images, in plain NumPy.
FORMULAS = {
    "sizes": lambda a, b: [[HEIGHT, WIDTH]] * BATCH,
    "as_dtype to uint8": lambda a, b: np.resize([2, 2, 0, 255], (BATCH, 2, 2, 1)),
    "take_samples": lambda a, b: a[[2, 0, 0]],
    "mix_channels": lambda a, b: np.einsum("bhwc,boc->bhwo", a, MIXED),
    "take_channels": lambda a, b: np.stack(
        [a[0][..., [2, 0, 1]], a[1], a[2][..., [1, 1, 0]]]
    ),
    "adjust_hsv": lambda a, b: turned_hues(a, [0.2, -1.4, 0.9], ROWS * 1.5),
    "blur constant": lambda a, b: blurred(a, 5, 3),
    "blur reflect": lambda a, b: blurred(a, 3, 5, "reflect"),
    "blur nearest": lambda a, b: blurred(a, 1, 7, "nearest"),
    "filter": lambda a, b: np.where(INNER, correlated(a, FILTER, "nearest"), a),
    "warp flip": lambda a, b: np.stack([a[0][:, ::-1], a[1][::-1], a[2]]),
    "warp crop": lambda a, b: np.stack([a[0, :5, :4], a[1, 2:7, 3:7], a[2, 7:, 11:]]),
    "warp rotated constant": lambda a, b: sampled(a, TURNED, 7.0),
    "warp zoomed constant": lambda a, b: sampled(a, ZOOMED, 7.0),
    "blend": lambda a, b: a + (ROWS - 0.25)[:, None, None, None] * (b - a),
    "add_weighted": lambda a, b: ROWS[:, None, None, None] * (a - b),
    "paste": lambda a, b: np.where(inside(BOXES), b, a),
    "select": lambda a, b: np.where(EVERY_FOURTH, b, a),
    "tile": lambda a, b: tiled(a),
    "fill_rectangles": lambda a, b: np.where(inside(BOXES), colours(1, 1), a),
    "fill_rectangles again and again": lambda a, b: np.where(
        inside(BOXES), repeat_over(colours(5, 4)), a
    ),
    "fill_where": lambda a, b: np.where(
        (SUM_OF_PLACES < ROWS[:, None, None] * 10)[..., None],
        repeat_over(colours(5, 4)),
        a,
    ),
    "kth": lambda a, b: np.sort(np.resize([3, 1, 8, 1, 5], (BATCH, 11)), 1)[
        np.arange(BATCH), [0, 4, 9]
    ],
}


@pytest.mark.parametrize("name", FORMULAS)
def test_numpy(name):
    pair = [images_of("float32", seed).astype("float64") for seed in (0, 1)]
    expected = FORMULAS[name](*pair)
    allowed = 0.0 if name.startswith(EXACT) else LEVELS["float32"]
    np.testing.assert_allclose(of_numpy("float32")[name], expected, 0, allowed)


def tensors(dtype):
    return [keras.ops.convert_to_tensor(images_of(dtype, seed)) for seed in (0, 1)]


@pytest.mark.parametrize("dtype", LEVELS)
def test_tensorflow(dtype):
    tf = pytest.importorskip("tensorflow", reason="TensorFlow has no wheel here")
    pair = [tf.constant(images_of(dtype, seed)) for seed in (0, 1)]
    found = run_all(tensorflow_engine(), *pair)
    assert_agree({name: value.numpy() for name, value in found.items()}, dtype)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_tensorflow_in_a_graph(dtype):
    tf = pytest.importorskip("tensorflow", reason="TensorFlow has no wheel here")
    pair = [tf.constant(images_of(dtype, seed)) for seed in (0, 1)]
    found = {}
    # One graph of all would take TensorFlow's optimizer ten times as long.
    for name in COMPILED:
        run = functools.partial(CASES[name], tensorflow_engine())
        run = tf.function(tf.autograph.experimental.do_not_convert(run))
        found[name] = run(*pair).numpy()
    assert_agree(found, dtype)


# JAX compiles each operation then, which takes as long as four whole programs.
@pytest.mark.backends("torch", "tensorflow")
@pytest.mark.parametrize("dtype", LEVELS)
def test_backend(dtype):
    assert_agree(run_all(keras_engine(), *tensors(dtype)), dtype)


@pytest.mark.backends("jax", "tensorflow")
@pytest.mark.parametrize(
    "dtype",
    [
        "uint8",  # floats are compiled for each layer
        *(pytest.param(d, marks=pytest.mark.large) for d in ("float32", *HALVES)),
    ],
)
def test_backend_compiled(dtype):
    def run(*pair):
        return run_all(keras_engine(), *pair, COMPILED)

    if keras.backend.backend() == "jax":
        import jax

        run = jax.jit(run)
    else:
        import tensorflow as tf

        run = tf.function(run, jit_compile=True)
    assert_agree(run(*tensors(dtype)), dtype)


@pytest.mark.backends("torch")
@pytest.mark.parametrize("dtype", LEVELS)
def test_torch_as_while_it_compiles(dtype, monkeypatch):
    import torch

    # What is traced then takes no shape from a value; to compile it takes a minute.
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert_agree(run_all(keras_engine(), *tensors(dtype)), dtype)
