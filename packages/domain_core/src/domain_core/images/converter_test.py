import copy
import io
import pickle
import sys

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from domain_core.images import ImageConverter, parallel
from domain_core.serialization import from_json, to_json
from domain_core.testing import run_python

PHOTO = load_sample_images().images[0][:120:2, :160:2]  # (60, 80, 3)
TURNED = np.rot90(PHOTO)


def png(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(png(PHOTO))
    return path


@pytest.fixture
def converter():
    return ImageConverter(24, scale=1 / 255, mean=[0.1, 0.2, 0.3], std=[0.5, 0.6, 0.7])


def objects(*values):
    array = np.empty(len(values), object)
    array[:] = values
    return array


def test_all_kinds_of_input_give_the_same(converter, path):
    expected = converter(PHOTO)
    assert expected.shape == (24, 24, 3)
    assert expected.dtype == np.float32
    data = path.read_bytes()
    image = Image.open(path)
    for single in [
        str(path),
        path,
        np.str_(path),
        str(path).encode(),
        data,
        image,
        np.asfortranarray(PHOTO),
        np.array(str(path)),
        np.array(data, object),
        image.convert("RGBA"),
    ]:
        np.testing.assert_array_equal(converter(single), expected)
    turned = converter(TURNED)
    for batch in [
        [PHOTO, TURNED],
        (PHOTO, TURNED),
        objects(PHOTO, TURNED),
        [str(path), TURNED],
        [path, Image.fromarray(TURNED)],
        objects(data, TURNED),
        [keras.ops.convert_to_tensor(PHOTO), TURNED],
    ]:
        np.testing.assert_array_equal(converter(batch), [expected, turned])
    for batch in [
        np.stack([PHOTO, PHOTO]),
        np.array([str(path)] * 2),
        np.array([str(path)] * 2, np.dtypes.StringDType()),
        [image, image],
        objects(data, data),
    ]:
        np.testing.assert_array_equal(converter(batch), [expected, expected])


def test_float_images_are_not_rounded(converter):
    exact = converter(PHOTO.astype("float32"))
    for dtype in ("float64", "float16"):
        np.testing.assert_array_equal(converter(PHOTO.astype(dtype)), exact)
    difference = (exact - converter(PHOTO)) * 255 * np.array([0.5, 0.6, 0.7])
    assert 0.1 < np.abs(difference).max() <= 1  # half a step in each pass


def test_normalizes():
    image = np.random.default_rng(0).integers(0, 256, (4, 5, 3), "uint8")
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    converter = ImageConverter((4, 5), scale=1 / 255, mean=mean, std=std)
    expected = (image / 255 - mean) / std
    np.testing.assert_allclose(converter(image), expected, rtol=1e-6, atol=1e-6)
    assert (ImageConverter((4, 5))(image) == image).all()
    assert (ImageConverter((4, 5), mean=3.0)(image) == image - 3.0).all()


def test_crops_pads_or_stretches():
    image = np.zeros((20, 40, 1), "uint8")
    image[:, 10:30] = 100  # the middle half
    image[:, :10] = 200
    cropped = ImageConverter(20, channels=1)(image)
    assert (cropped == 100).all()
    smaller = ImageConverter(10, channels=1, crop_ratio=0.5)(image)
    assert (smaller == 100).all()
    fit = {"channels": 1, "crop_to_aspect_ratio": False}
    stretched = ImageConverter((20, 4), interpolation="box", **fit)(image)
    np.testing.assert_array_equal(stretched[3, :, 0], [200, 100, 100, 0])
    stretched = ImageConverter((10, 2), interpolation="box", crop_ratio=0.5, **fit)
    np.testing.assert_array_equal(stretched(image)[3, :, 0], [100, 100])
    fit["pad_to_aspect_ratio"] = True
    padded = ImageConverter(40, pad_value=7, **fit)(image)
    np.testing.assert_array_equal(padded[10:30], image)
    assert (padded[:10] == 7).all() and (padded[30:] == 7).all()
    padded = ImageConverter(40, pad_value=7, pad_position="top_left", **fit)(image)
    np.testing.assert_array_equal(padded[:20], image)
    assert (padded[20:] == 7).all()


def test_padding_of_the_mean_is_zero():
    """A value for each channel: what was filled up is 0 once normalized."""
    converter = ImageConverter(
        (30, 20),
        crop_to_aspect_ratio=False,
        pad_to_aspect_ratio=True,
        pad_value=[25.5, 51, 102],
        scale=1 / 255,
        mean=[0.1, 0.2, 0.4],
    )
    again = ImageConverter.from_config(converter.get_config())
    white = np.full((4, 4, 3), 255, "uint8")
    for given in (again(white), again(keras.ops.convert_to_tensor(white[None]))[0]):
        given = keras.ops.convert_to_numpy(given)
        np.testing.assert_allclose(given[5:25, :] - [[[0.9, 0.8, 0.6]]], 0, atol=1e-6)
        np.testing.assert_allclose(np.delete(given, slice(5, 25), axis=0), 0, atol=1e-7)


def test_says_where_the_pixels_went():
    fit = {"crop_to_aspect_ratio": False, "pad_to_aspect_ratio": True}
    pixels, placements = ImageConverter(40, **fit).convert_and_place(
        [np.ones((20, 10, 3), "uint8"), np.ones((10, 40, 3), "uint8")]
    )
    assert placements.tolist() == [[2, 2, 10, 0, 20, 10], [1, 1, 0, 15, 10, 40]]
    assert pixels[0, :, 10:30].all() and not pixels[0, :, :10].any()
    assert pixels[1, 15:25].all() and not pixels[1, :15].any()


@pytest.mark.parametrize("size", [(20, 24), (33, 10), (1, 50)])
def test_crops_first_as_keras_does(size):
    converter = ImageConverter(size, antialias=False, crop_first=True)
    reference = keras.layers.Resizing(*size, crop_to_aspect_ratio=True)
    for image in (PHOTO, TURNED, PHOTO[:31, :29]):
        expected = keras.ops.convert_to_numpy(reference(image.astype("float32")))
        received = converter(np.ascontiguousarray(image, "float32"))
        np.testing.assert_allclose(received, expected, atol=255 * 1e-5)
        np.testing.assert_allclose(
            converter(Image.fromarray(image)), expected, atol=1.01
        )


@pytest.mark.parametrize("channels", [1, 2, 4, 5])
def test_arrays_of_any_number_of_channels(channels):
    image = np.random.default_rng(0).integers(0, 256, (9, 7, channels), "uint8")
    converter = ImageConverter(5, channels=channels, mean=list(range(channels)))
    given = converter(image)
    for channel in range(channels):
        alone = ImageConverter(5, channels=1, mean=channel)(image[..., [channel]])
        np.testing.assert_array_equal(given[..., [channel]], alone)


@pytest.mark.parametrize("cores", [1, 3])
def test_keeps_the_order(monkeypatch, cores):
    monkeypatch.setattr(parallel, "cores", lambda: cores)
    images = [np.full((5 + i, 40 - i, 3), i, "uint8") for i in range(30)]
    converted = ImageConverter(8)([png(image) for image in images])
    np.testing.assert_array_equal(converted[:, 4, 4, 1], np.arange(30))


def test_draft_is_close(tmp_path):
    path = tmp_path / "large.jpg"
    large = Image.fromarray(load_sample_images().images[0]).resize((1280, 854))
    large.save(path, quality=95)
    exact = ImageConverter(100)(path)
    drafted = ImageConverter(100, draft=True)(path)
    difference = np.abs(drafted - exact)
    assert 0 < difference.mean() < 2


# --- tensors of the backend -----------------------------------------------------------

FITS = [
    {"crop_ratio": 0.8},
    {"crop_first": True},
    {"crop_to_aspect_ratio": False},
    {"crop_to_aspect_ratio": False, "pad_to_aspect_ratio": True, "pad_value": 9},
    {
        "crop_to_aspect_ratio": False,
        "pad_to_aspect_ratio": True,
        "pad_value": [9, 99.5, 200],
        "pad_position": "top_left",
    },
]


@pytest.mark.parametrize("fit", FITS)
def test_tensors_equal_the_host(fit):
    converter = ImageConverter((20, 24), mean=[1, 2, 3], std=2, **fit)
    images = np.stack([PHOTO, PHOTO[::-1]])
    floats = images.astype("float32")
    tensor = converter(keras.ops.convert_to_tensor(floats))
    assert keras.ops.is_tensor(tensor)
    assert keras.backend.standardize_dtype(tensor.dtype) == "float32"
    given = keras.ops.convert_to_numpy(tensor)
    np.testing.assert_allclose(given, converter(floats), atol=255 * 1e-5)
    one = converter(keras.ops.convert_to_tensor(floats[1]))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(one), given[1], atol=1e-4)
    integers = converter(keras.ops.convert_to_tensor(images))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(integers), given, atol=1e-4)
    # The host rounds them in each of two passes, here divided by `std`.
    assert np.abs(given - converter(images)).max() <= (0.5 + 0.5) / 2 + 1e-4


def test_inside_a_model(converter):
    inputs = keras.Input((60, 80, 3))
    model = keras.Model(inputs, converter(inputs))
    assert model.output_shape == (None, 24, 24, 3)
    given = model.predict_on_batch(PHOTO[None].astype("float32"))
    expected = converter(PHOTO[None].astype("float32"))
    np.testing.assert_allclose(given, expected, atol=1e-4)
    with pytest.raises(ValueError, match="known size, received the shape"):
        converter(keras.Input((None, None, 3)))
    with pytest.raises(ValueError, match="3 channels, the last axis"):
        converter(keras.Input((60, 80, 1)))


@pytest.mark.backends
def test_is_compiled_and_differentiable():
    """The mean of a stretched image depends on each pixel, and on none more."""
    converter = ImageConverter(8, crop_to_aspect_ratio=False, interpolation="box")
    x = np.random.default_rng(0).uniform(0, 255, (1, 16, 24, 3)).astype("float32")

    def mean(images):
        return keras.ops.mean(converter(images))

    if keras.config.backend() == "jax":
        import jax

        assert jax.jit(converter)(x.astype("uint8")).shape == (1, 8, 8, 3)
        gradient = jax.jit(jax.grad(mean))(x)
    elif keras.config.backend() == "torch":
        import torch

        images = torch.tensor(x, requires_grad=True)
        mean(images).backward()
        gradient = images.grad
    else:
        import tensorflow as tf

        images = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(images)
            value = mean(images)
        gradient = tape.gradient(value, images)
        # In a TensorFlow graph it is asked for by name: `__call__` is for `tf.data`.
        compiled = tf.function(converter.convert_tensors, jit_compile=True)
        np.testing.assert_allclose(compiled(images), converter(images), atol=1e-4)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(gradient), 1 / x.size, rtol=1e-5
    )


def test_follows_floatx(converter):
    floatx = keras.config.floatx()
    keras.config.set_floatx("float16")
    try:
        assert converter(PHOTO).dtype == np.float16
        tensor = converter(keras.ops.convert_to_tensor(PHOTO))
        assert keras.backend.standardize_dtype(tensor.dtype) == "float16"
    finally:
        keras.config.set_floatx(floatx)


# --- tf.data --------------------------------------------------------------------------


def test_in_tf_data(tf, converter, path):
    expected = converter(PHOTO)
    images = np.stack([PHOTO, PHOTO])
    single = tf.data.Dataset.from_tensor_slices(images).map(converter)
    assert single.element_spec == tf.TensorSpec((24, 24, 3), "float32")
    np.testing.assert_array_equal(list(single.as_numpy_iterator()), [expected] * 2)
    batches = tf.data.Dataset.from_tensor_slices(images).batch(2).map(converter)
    assert batches.element_spec.shape == (None, 24, 24, 3)
    np.testing.assert_array_equal(next(iter(batches)), [expected] * 2)
    for text in (str(path), path.read_bytes()):
        strings = tf.data.Dataset.from_tensor_slices([text] * 2)
        one = strings.map(converter)
        assert one.element_spec.shape == (24, 24, 3)
        np.testing.assert_array_equal(next(iter(one)), expected)
        two = strings.batch(2, drop_remainder=True).map(converter)
        assert two.element_spec.shape == (2, 24, 24, 3)
        np.testing.assert_array_equal(next(iter(two)), [expected] * 2)
    files = tf.data.Dataset.from_tensors(path.read_bytes())
    decoded = files.map(tf.io.decode_png).map(converter)
    np.testing.assert_array_equal(next(iter(decoded)), expected)


@pytest.mark.backends("tensorflow")
def test_takes_eager_strings_and_numbers(tf, converter, path):
    expected = converter(PHOTO)
    np.testing.assert_array_equal(converter(tf.constant([str(path)]))[0], expected)
    np.testing.assert_array_equal(converter(tf.constant(path.read_bytes())), expected)
    assert tf.is_tensor(converter(tf.constant(PHOTO)))


def test_tf_data_refuses(tf, converter, path):
    def of(*values):
        return tf.data.Dataset.from_tensors(values[0] if len(values) == 1 else values)

    with pytest.raises(ValueError, match=r"3 channels.*\(60, 80, 1\)"):
        of(PHOTO[..., :1]).map(converter)
    with pytest.raises(ValueError, match="uint8 or float"):
        of(PHOTO.astype("uint16")).map(converter)
    with pytest.raises(ValueError, match="flat batch of strings"):
        of([[str(path)]]).map(converter)
    with pytest.raises(ValueError, match="known number of axes"):
        of(path.read_bytes()).map(tf.io.decode_image).map(converter)
    with pytest.raises(ValueError, match="one dense tensor"):
        of(tf.ragged.constant([[[[1, 2, 3]]]], ragged_rank=2)).map(converter)
    with pytest.raises(ValueError, match="one dense tensor"):
        of(PHOTO, 1).map(lambda *element: converter(element))
    missing = of([str(path), "missing.png"]).map(converter)
    with pytest.raises(tf.errors.OpError, match=r"images\[1\]` \('missing.png'\)"):
        next(iter(missing))


@pytest.mark.backends("torch", "jax")
def test_never_imports_tensorflow(path):
    run_python(
        """
        import sys
        import keras, numpy as np
        from domain_core.images import ImageConverter
        converter = ImageConverter(8)
        converter([sys.argv[1], np.zeros((9, 9, 3), "uint8")])
        converter(keras.ops.zeros((2, 9, 9, 3)))
        ImageConverter.from_config(converter.get_config())
        assert "tensorflow" not in sys.modules
        """,
        str(path),
    )


# --- configuration --------------------------------------------------------------------


def test_is_serialized(converter):
    other = ImageConverter(
        (20, 30),
        crop_to_aspect_ratio=False,
        pad_to_aspect_ratio=True,
        interpolation="lanczos3",
        std=np.float32(2),
        channels=1,
        pad_value=3,
        pad_position="top_left",
        draft=True,
        max_pixels=10_000,
        max_bytes=10_000,
    )
    for one, image in ((converter, PHOTO), (other, PHOTO[..., :1])):
        for again in (
            ImageConverter.from_config(one.get_config()),
            from_json(to_json(one)),
            pickle.loads(pickle.dumps(one)),
            copy.deepcopy(one),
        ):
            assert again.get_config() == one.get_config()
            np.testing.assert_array_equal(again(image), one(image))
    if keras.config.backend() == "tensorflow":  # else it would import TensorFlow
        config = keras.saving.serialize_keras_object(converter)
        again = keras.saving.deserialize_keras_object(config)
        assert again.get_config() == converter.get_config()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_size": 0}, "`image_size` .* received 0"),
        ({"image_size": (3, 4, 5)}, "`image_size` .* received"),
        ({"image_size": 3.5}, "`image_size` .* received 3.5"),
        ({"image_size": "224"}, "`image_size` .* received '224'"),
        ({"pad_to_aspect_ratio": True}, "received both"),
        ({"crop_ratio": 0}, "`crop_ratio`"),
        ({"crop_ratio": 1.1}, "`crop_ratio`"),
        ({"crop_ratio": 0.9, "crop_first": True}, "with `crop_first`, received True"),
        ({"crop_to_aspect_ratio": False, "crop_first": True}, "received False and 1"),
        (
            {
                "crop_ratio": 0.9,
                "crop_to_aspect_ratio": False,
                "pad_to_aspect_ratio": True,
            },
            "`crop_ratio` .* and 1 with `pad_to_aspect_ratio`",
        ),
        ({"interpolation": "area"}, "`interpolation` .* received 'area'"),
        ({"mean": [1, 2]}, "`mean` to be a number or 3 numbers"),
        ({"scale": float("nan")}, "`scale`"),
        ({"std": [1, 0, 1]}, "`std` without a 0"),
        ({"channels": 0}, "`channels` to be a positive integer"),
        ({"pad_value": [1, 2]}, "`pad_value` to be a number or 3 numbers"),
        ({"pad_position": "left"}, "`pad_position`"),
        ({"max_pixels": -1}, "`max_pixels`"),
    ],
)
def test_refuses_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        ImageConverter(**arguments)


# --- bad images -----------------------------------------------------------------------

SMALL = np.zeros((4, 4, 3), "uint8")
NAN = np.full((4, 4, 3), np.nan)
INFINITE = np.full((4, 4, 3), np.inf)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([SMALL, SMALL[..., 0]], r"`images\[1\]` .* \(4, 4\). Add the axis"),
        (SMALL[..., 0], r"`images` .* \(4, 4\). Add the axis"),
        ([SMALL, SMALL[None]], r"`images\[1\]` to be one image, received .* \(1, 4"),
        (SMALL[None, None], r"`images` to have the shape .* \(1, 1, 4, 4, 3\)"),
        ([SMALL[..., :1]], r"`images\[0\]` to have 3 channels.*`channels=1`"),
        (np.zeros((2, 4, 4, 1)), r"`images\[0\]` to have 3 channels"),
        ([SMALL, SMALL[:0]], r"`images\[1\]` has no pixels.*\(0, 4, 3\)"),
        ([SMALL[:0, :0]], r"`images\[0\]` has no pixels.*\(0, 0, 3\)"),
        (np.zeros((0, 4, 4, 3)), "`images` is empty"),
        ([], "`images` is empty"),
        (np.array([], object), "`images` is empty"),
        ([SMALL, NAN], r"`images\[1\]` has values that are NaN"),
        (INFINITE, "`images` has values that are NaN or infinite"),
        ([SMALL.astype("uint16")], r"`images\[0\]` .* received uint16. Scale it"),
        ([SMALL.astype("bool")], r"`images\[0\]` .* received bool. Scale it"),
        (SMALL.transpose(2, 0, 1), r"come first: `np.moveaxis\(image, -3, -1\)`"),
        (SMALL.astype("complex64"), "`images` .* received complex64"),
        ([SMALL, None], r"`images\[1\]` is of type NoneType, which is no image"),
        (None, "`images` is of type NoneType"),
        (3, "`images` is of type int"),
        ([{}], r"`images\[0\]` is of type dict"),
        ([[SMALL]], r"`images\[0\]` is of type list"),
        (SMALL.tolist(), r"`images\[0\]` is of type list"),
        (objects(SMALL, None), r"`images\[1\]` is of type NoneType"),
        (np.array([["a", "b"]]), r"a flat array, received one of shape \(1, 2\)"),
        (["missing.png"], r"`images\[0\]` \('missing.png'\) can't be read: No such"),
        ("missing.png", r"`images` \('missing.png'\) can't be read: No such"),
        (b"missing.png", r"`images` \('missing.png'\) can't be read: No such"),
        ([b"\0\1\2"], r"`images\[0\]` is no image file"),
        ([b""], r"`images\[0\]` is no image file"),
        ([png(SMALL)[:40]], r"`images\[0\]` (is a damaged|can't be decoded)"),
        ([SMALL, Image.new("I", (4, 4))], r"`images\[1\]` can't be decoded: the range"),
        ([Image.new("RGB", (0, 4))], r"`images\[0\]` has no pixels: 0 x 4"),
    ],
)
def test_names_the_bad_image(images, message):
    with pytest.raises(ValueError, match=message):
        ImageConverter(8)(images)


def test_names_the_bad_file(tmp_path, path):
    converter = ImageConverter(8)
    (tmp_path / "cut.png").write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ValueError, match=r"images\[1\]` \('.*cut.png'\) can't be deco"):
        converter([path, tmp_path / "cut.png"])
    with pytest.raises(ValueError, match=r"images\[1\]` \(.*\) is a directory"):
        converter([path, tmp_path])
    with pytest.raises(ValueError, match=r"images\[0\]` \(.*\) has [\d,]+ bytes, exp"):
        ImageConverter(8, max_bytes=100)([path])
    with Image.open(path) as image:
        for one in (path, path.read_bytes(), image, PHOTO):
            with pytest.raises(ValueError, match=r"images.*4,799.*`max_pixels`"):
                ImageConverter(8, max_pixels=4_799)([one])


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        ((4, 4), "uint8", "Add the axis"),
        ((4, 4, 1), "uint8", "3 channels"),
        ((2, 0, 4, 3), "float32", "no pixels"),
        ((0, 4, 4, 3), "float32", "no pixels"),
        ((2, 4, 4, 3), "bool", "uint8 or float"),
    ],
)
def test_refuses_tensors(shape, dtype, message):
    with pytest.raises(ValueError, match=message):
        ImageConverter(8)(keras.ops.zeros(shape, dtype))


def test_says_how_to_install_pillow(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match="pip install pillow"):
        ImageConverter(8)([SMALL])


def test_antialiasing_is_off_for_few_filters():
    converter = ImageConverter((5, 7), antialias=False)
    again = ImageConverter.from_config(converter.get_config())
    assert again.antialias is False
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), "uint8")
    assert not np.array_equal(converter(image), ImageConverter((5, 7))(image))
    with pytest.raises(ValueError, match="'nearest'.* with antialias=False"):
        ImageConverter(4, interpolation="bicubic", antialias=False)
