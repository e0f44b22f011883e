"""Whatever form samples come in, a detector learns from the same batch."""

import keras
import numpy as np
import pytest
from PIL import Image

from domain_core.testing.values import assert_close
from keras_cv.datasets import read_pascal_voc
from keras_cv.testing.shapes import SHAPES, draw_shapes
from keras_cv.testing.tiny_detectors import tiny_yolov8

SIZE, COUNT = 32, 2
SIDES = ("xmin", "ymin", "xmax", "ymax")


def batch():
    """Returns images of one size, boxes as lists, and boxes as dense arrays."""
    images, lists = draw_shapes(COUNT, SIZE, objects=(1, 3))
    longest = max(map(len, lists["classes"]))
    dense = {
        "boxes": np.full((COUNT, longest, 4), -1, "float32"),
        "classes": np.full((COUNT, longest), -1, "float32"),
    }
    for index, (boxes, classes) in enumerate(zip(*lists.values(), strict=True)):
        dense["boxes"][index, : len(boxes)] = boxes
        dense["classes"][index, : len(boxes)] = classes
    return images, lists, dense


def voc_folder(folder, images, lists):
    """Writes the batch as Pascal VOC has it, with pixels that count from 1."""
    for name in ("JPEGImages", "Annotations"):
        (folder / name).mkdir()
    for index, image in enumerate(images):
        Image.fromarray(image).save(folder / "JPEGImages" / f"{index}.png")
        objects = "".join(
            f"<object><name>{SHAPES[int(label)]}</name><bndbox>"
            + "".join(
                f"<{side}>{number + (side[1:] == 'min')}</{side}>"
                for side, number in zip(SIDES, box, strict=True)
            )
            + "</bndbox></object>"
            for box, label in zip(
                lists["boxes"][index], lists["classes"][index], strict=True
            )
        )
        (folder / "Annotations" / f"{index}.xml").write_text(
            f"<annotation><filename>{index}.png</filename><size><width>{SIZE}</width>"
            f"<height>{SIZE}</height></size>{objects}</annotation>"
        )
    return folder


def forms(folder):
    """Yields the batch in all forms, with what else `fit` has to know."""
    images, lists, dense = batch()
    whole = {"batch_size": COUNT, "shuffle": False}
    yield "arrays", (images, dense), whole
    yield "lists", (list(images), lists), whole
    yield "dict", ({"images": images, "bounding_boxes": dense},), whole
    yield "dict of lists", ({"images": list(images), "bounding_boxes": lists},), whole
    paths = [folder / f"{index}.png" for index in range(COUNT)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    yield "paths", (paths, lists), whole

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return images, dense

    yield "PyDataset", (Batches(),), {}
    import torch

    samples = [
        (image, {"boxes": boxes, "classes": classes})
        for image, boxes, classes in zip(images, *dense.values(), strict=True)
    ]
    yield "DataLoader", (torch.utils.data.DataLoader(samples, batch_size=COUNT),), {}
    named = [{"images": image, "bounding_boxes": boxes} for image, boxes in samples]
    loader = torch.utils.data.DataLoader(named, batch_size=COUNT)
    yield "DataLoader of dicts", (loader,), {}
    grain = pytest.importorskip("grain")
    yield "Grain", (grain.MapDataset.source(samples).batch(COUNT),), {}
    yield "Grain of dicts", (grain.MapDataset.source(named).batch(COUNT),), {}
    (folder / "voc").mkdir()
    dataset = read_pascal_voc(voc_folder(folder / "voc", images, lists))
    assert dataset.class_names == tuple(sorted(SHAPES))
    dataset = read_pascal_voc(folder / "voc", class_names=SHAPES)
    assert dataset.class_names == SHAPES
    yield "Pascal VOC", (dataset,), whole
    yield "Pascal VOC in batches", (dataset.batch(COUNT),), {}
    tf = pytest.importorskip("tensorflow")
    slices = tf.data.Dataset.from_tensor_slices((images, dense))
    yield "tf.data", (slices.batch(COUNT),), {}
    slices = slices.map(lambda x, y: {"images": x, "bounding_boxes": y})
    yield "tf.data of dicts", (slices.batch(COUNT),), {}


def test_every_form_of_samples(tmp_path):
    task = tiny_yolov8(class_names=SHAPES)
    task.compile(optimizer=keras.optimizers.SGD(0.0))
    expected = None
    for form, data, options in forms(tmp_path):
        loss = task.fit(*data, verbose=0, **options).history["loss"]
        expected = loss if expected is None else expected
        np.testing.assert_allclose(loss, expected, rtol=1e-5, err_msg=form)
    assert expected[0] > 0.1


def test_images_of_several_sizes():
    """They are filled up to a size that takes all; boxes stay where they are."""
    images, lists, _ = batch()
    wide = np.pad(images[1], ((0, 0), (0, SIZE), (0, 0)))
    equal = np.stack([np.pad(images[0], ((0, 0), (0, SIZE), (0, 0))), wide])
    task = tiny_yolov8()
    task.compile(optimizer=keras.optimizers.SGD(0.0))
    options = {"batch_size": COUNT, "shuffle": False, "verbose": 0}
    one, two = (
        task.fit(x, lists, **options).history["loss"]
        for x in ([images[0], wide], equal)
    )
    assert_close(one, two, rtol=1e-5, atol=0)


def test_validation_data_and_weights():
    images, _, dense = batch()
    task = tiny_yolov8()
    task.compile(optimizer=keras.optimizers.SGD(0.0))
    history = task.fit(
        images,
        dense,
        sample_weight=np.zeros(COUNT),
        validation_data=({"images": images, "bounding_boxes": dense},),
        batch_size=COUNT,
        verbose=0,
    ).history
    assert history["loss"][0] == 0
    assert history["val_loss"][0] > 0.1
