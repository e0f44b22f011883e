import functools
import json
import pickle
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from domain_core.testing.data import shared_data
from keras_cv.datasets import (
    collate,
    read_coco,
    read_image_folder,
    read_pascal_voc,
)
from keras_cv.layers import preprocessing as P

BOXES = {"bounding_box_format": "xyxy"}


def write_image(path, width=40, height=30, color=(200, 100, 50), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), color).save(path, **options)
    return path


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(("cat/b.png", "cat/a.jpg", "dog/deep/c.png")):
        write_image(tmp_path / "train" / name, color=(number * 60, 100, 50))
    (tmp_path / "train" / "cat" / "notes.txt").write_text("no image")
    (tmp_path / "train" / ".cache").mkdir()
    return tmp_path / "train"


def coco(images=3, **changes):
    """Returns annotations: two boxes on the first image, one each, none on the last."""
    box = {"image_id": 10, "category_id": 7, "bbox": [1, 2, 10, 20], "iscrowd": 0}
    return {
        "images": [
            {"id": 10 + i, "file_name": f"{i}.png", "width": 40, "height": 30}
            for i in range(images)
        ],
        "categories": [{"id": 90, "name": "dog"}, {"id": 7, "name": "cat"}],
        "annotations": [
            box | {"id": 1},
            box | {"id": 2, "category_id": 90, "bbox": [30, 20, 15.5, 15.5]},
            box | {"id": 3, "image_id": 11},
        ],
        **changes,
    }


@pytest.fixture
def write_coco(tmp_path):
    def write(content, images=3):
        for number in range(images):
            write_image(tmp_path / "images" / f"{number}.png", color=(number, 9, 9))
        path = tmp_path / "instances.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path, tmp_path / "images"

    return write


VOC_OBJECT = (
    "<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{0}"
    "</xmin><ymin>{1}</ymin><xmax>{2}</xmax><ymax>{3}</ymax></bndbox></object>"
)


def voc_object(*numbers, name="cat", difficult=0):
    return VOC_OBJECT.format(*numbers, name=name, difficult=difficult)


@pytest.fixture
def write_voc(tmp_path):
    def write(objects, name="a", file_name="a.png", size=(40, 30), image=True, head=""):
        if image:
            write_image(tmp_path / "JPEGImages" / f"{name}.png")
        (tmp_path / "Annotations").mkdir(exist_ok=True)
        (tmp_path / "Annotations" / f"{name}.xml").write_text(
            f"{head}<annotation><filename>{file_name}</filename><size><width>{size[0]}"
            f"</width><height>{size[1]}</height></size>{objects}</annotation>"
        )
        return tmp_path

    return write


# Folders of images


def test_image_folder(folder):
    dataset = read_image_folder(folder)
    assert dataset.class_names == ("cat", "dog") and len(dataset) == 3
    assert [int(sample["labels"]) for sample in dataset] == [0, 0, 1]
    assert [file.path.name for file in dataset.files] == ["a.jpg", "b.png", "c.png"]
    assert dataset[1]["images"].dtype == "uint8"
    assert dataset[1]["images"].shape == (30, 40, 3)
    np.testing.assert_array_equal(dataset[-1]["images"][0, 0], [120, 100, 50])
    one_hot = read_image_folder(folder, one_hot=True)
    np.testing.assert_array_equal(one_hot[2]["labels"], [0.0, 1.0])


def test_image_folder_with_classes_of_the_training_data(folder):
    names = ["dog", "cat"]
    dataset = read_image_folder(folder, class_names=names)
    assert [int(sample["labels"]) for sample in dataset] == [0, 1, 1]
    with pytest.raises(ValueError, match="without .'cow'"):
        read_image_folder(folder, class_names=["cat", "cow"])


def test_image_folder_without_images(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        read_image_folder(tmp_path / "nothing")
    with pytest.raises(ValueError, match="a folder for each class"):
        read_image_folder(tmp_path)
    (tmp_path / "cat").mkdir()
    with pytest.raises(ValueError, match="Expected images in the folders"):
        read_image_folder(tmp_path)


# Files that are not as they should be


def test_links_to_folders_are_followed(folder, tmp_path):
    for name in ("elsewhere/e.png", "elsewhere/deep/f.png", "birds/g.png"):
        write_image(tmp_path / name)
    (folder / "cat" / "more").symlink_to(tmp_path / "elsewhere")
    (folder / "bird").symlink_to(tmp_path / "birds")
    (folder / "dog" / "around").symlink_to(folder)  # adds nothing, and has an end
    (folder / "dog" / "again").symlink_to(folder / "dog")
    (folder / "cat" / "gone").symlink_to(tmp_path / "nowhere")
    dataset = read_image_folder(folder)
    names = [str(file.path.relative_to(folder)) for file in dataset.files]
    assert names == [
        *("bird/g.png", "cat/a.jpg", "cat/b.png", "cat/more/e.png"),
        *("cat/more/deep/f.png", "dog/deep/c.png"),
    ]
    assert [len(dataset[i]["images"].shape) for i in range(6)] == [3] * 6


def test_names_that_are_too_long(tmp_path):
    for read in (read_image_folder, read_pascal_voc):
        with pytest.raises(ValueError, match="File name too long"):
            read(tmp_path / ("x" * 300))
    with pytest.raises(ValueError, match="leaves it|the name of an image file"):
        read_pascal_voc(tmp_path, split="x" * 300)


def test_exif_rotation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    write_image(tmp_path / "x" / "a.jpg", exif=exif)
    assert read_image_folder(tmp_path)[0]["images"].shape == (40, 30, 3)


def test_cmyk(tmp_path):
    (tmp_path / "x").mkdir()
    Image.new("CMYK", (8, 8), (0, 0, 0, 255)).save(tmp_path / "x" / "a.jpg")
    assert read_image_folder(tmp_path)[0]["images"].max() < 10


def test_truncated_file_is_named(tmp_path):
    path = write_image(tmp_path / "x" / "a.jpg", 200, 200)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match=r"a\.jpg' can't be decoded"):
        read_image_folder(tmp_path)[0]


def test_size_is_limited_before_decoding(tmp_path):
    path = write_image(tmp_path / "x" / "bomb.png")
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", 100_000, 100_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"bomb\.png' has 100000 x 100000 pixels"):
        read_image_folder(tmp_path)[0]
    with pytest.raises(ValueError, match="bytes, expected at most 10"):
        read_image_folder(tmp_path, max_bytes=10)[0]


# COCO


def test_coco(write_coco):
    dataset = read_coco(*write_coco(coco()))
    assert dataset.class_names == ("cat", "dog") and dataset.class_ids == (7, 90)
    first, _, last = dataset
    boxes = first["bounding_boxes"]
    assert boxes["boxes"].dtype == boxes["classes"].dtype == "float32"
    # The second reaches over the edge.
    np.testing.assert_array_equal(boxes["boxes"], [[1, 2, 11, 22], [30, 20, 40, 30]])
    np.testing.assert_array_equal(boxes["classes"], [0, 1])
    assert last["images"].shape == (30, 40, 3)
    assert last["bounding_boxes"]["boxes"].shape == (0, 4)


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"bbox": [1, 2, 0, 20]}, 0),
        ({"bbox": [1, 2, 5, -3]}, 0),
        ({"bbox": [41, 2, 5, 5]}, 0),  # outside
        ({"iscrowd": 1}, 0),
        ({"bbox": [-3, 2, 5.5, 5]}, 1),
    ],
)
def test_coco_drops_degenerate_boxes_and_crowds(write_coco, change, kept):
    content = coco()
    content["annotations"] = [content["annotations"][0] | change]
    found = read_coco(*write_coco(content))[0]["bounding_boxes"]
    assert found["boxes"].shape == (kept, 4) and found["classes"].shape == (kept,)
    if "iscrowd" in change:
        with_crowds = read_coco(*write_coco(content), include_crowd=True)
        assert len(with_crowds[0]["bounding_boxes"]["boxes"]) == 1


def annotation(**change):
    content = coco()
    content["annotations"][1] |= change
    return content


def image(**change):
    content = coco()
    content["images"][1] |= change
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"instances\.json' is no JSON"),
        ("[" * 100_000, r"instances\.json' is no JSON"),
        ("[1]", "Expected an object with the lists"),
        (coco(images=4), r"1 of 4 images of .* are missing: .*3\.png"),
        (annotation(bbox=[1, 2, 3]), r'"bbox" in "annotations"\[1\]'),
        (annotation(bbox=[1, 2, float("nan"), 4]), '"bbox"'),
        (annotation(bbox=[1, 2, 10**400, 4]), '"bbox"'),
        (annotation(image_id=99), '"image_id" in "annotations".1. of'),
        (annotation(category_id=[7]), '"category_id"'),
        (image(id=10), 'an "id" of its own in "images".1.'),
        (image(file_name="../secret.png"), "leaves it"),
        (image(file_name="/etc/passwd"), "leaves it"),
        (image(file_name="C:\\secret.png"), "leaves it"),
        (image(file_name="a\\..\\..\\secret.png"), "leaves it"),
        (image(file_name="a\0.png"), "the name of an image file"),
        (image(file_name=None), "the name of an image file"),
        (image(file_name="x" * 300), "the name of an image file"),
        (image(file_name="y/" * 3000), "the name of an image file"),
        (image(file_name="\ud800.png"), "the name of an image file"),
        (image(id=11.5), 'an "id" of its own in "images".1.'),
        (image(id=True), 'an "id" of its own in "images".1.'),
        (image(id="10"), 'an "id" of its own in "images".1.'),
        (image(width="wide"), '"width" in "images".1. of'),
        (image(height=-30), '"height" in "images".1. of'),
        (image(width=40.5), '"width" in "images".1. of'),
        (annotation(iscrowd=2), '"iscrowd" in "annotations".1.'),
        (annotation(iscrowd="perhaps"), '"iscrowd" in "annotations".1.'),
        (annotation(iscrowd=[]), '"iscrowd" in "annotations".1.'),
        (annotation(bbox=["1", "2", "x", "4"]), '"bbox"'),
        (annotation(bbox=[1, 2, True, 4]), '"bbox"'),
        (annotation(bbox={"x": 1}), '"bbox"'),
    ],
)
def test_bad_coco_is_named(write_coco, content, message):
    with pytest.raises(ValueError, match=message):
        read_coco(*write_coco(content))


@pytest.mark.parametrize(
    ("of_images", "of_annotations", "of_categories", "of_sizes"),
    [(float, int, str, float), (str, float, float, str), (int, str, int, int)],
)
def test_coco_with_numbers_of_other_types(
    write_coco, of_images, of_annotations, of_categories, of_sizes
):
    content = coco()
    for one in content["images"]:
        one["id"] = of_images(one["id"])
        one |= {side: of_sizes(one[side]) for side in ("width", "height")}
    for one in content["annotations"]:
        for key in ("image_id", "category_id"):
            one[key] = of_annotations(one[key])
        one["bbox"] = [str(x) for x in one["bbox"]]
    for one in content["categories"]:
        one["id"] = of_categories(one["id"])
    expected = read_coco(*write_coco(coco()))
    found = read_coco(*write_coco(content))
    assert found.class_names == expected.class_names == ("cat", "dog")
    assert found.class_ids == (of_categories(7), of_categories(90))
    for a, b in zip(found.files, expected.files, strict=True):
        assert a.size == b.size == (40, 30)
        for key in ("boxes", "classes"):
            np.testing.assert_array_equal(
                a.labels["bounding_boxes"][key], b.labels["bounding_boxes"][key]
            )


@pytest.mark.parametrize(
    ("flag", "kept"),
    [
        *((0, 2), ("0", 2), (0.0, 2), (False, 2), ("false", 2), (None, 2)),
        *((1, 1), ("1", 1), (1.0, 1), (True, 1), ("True", 1)),
    ],
)
def test_coco_flags_of_crowds(write_coco, flag, kept):
    found = read_coco(*write_coco(annotation(iscrowd=flag)))
    assert len(found.files[0].labels["bounding_boxes"]["boxes"]) == kept


def test_coco_ids_that_are_names(write_coco):
    content = coco()
    for one, name in zip(content["images"], ("007", "a", "7.5x"), strict=True):
        one["id"] = name
    for one in content["annotations"]:
        one["image_id"] = "007"
    boxes = [len(s["bounding_boxes"]["boxes"]) for s in read_coco(*write_coco(content))]
    assert boxes == [3, 0, 0]


def test_size_other_than_the_annotations_say(write_coco):
    dataset = read_coco(*write_coco(image(width=80)))
    with pytest.raises(ValueError, match=r"1\.png' to have 80 x 30 pixels"):
        dataset[1]


# Pascal VOC


def test_pascal_voc_counts_pixels_from_1(write_voc):
    root = write_voc(voc_object(1, 1, 10, 10) + voc_object(5, 6, 40, 30, name="ant"))
    dataset = read_pascal_voc(root)
    assert dataset.class_names == ("ant", "cat")
    found = dataset[0]["bounding_boxes"]
    np.testing.assert_array_equal(found["boxes"], [[0, 0, 10, 10], [4, 5, 40, 30]])
    np.testing.assert_array_equal(found["classes"], [1, 0])
    found = read_pascal_voc(root, first_pixel=0)[0]["bounding_boxes"]
    np.testing.assert_array_equal(found["boxes"][0], [1, 1, 10, 10])
    with pytest.raises(ValueError, match="`first_pixel`"):
        read_pascal_voc(root, first_pixel=2)


def test_pascal_voc_drops_slips_and_clips(write_voc):
    objects = (
        voc_object(5, 5, 5, 9) + voc_object(9, 5, 5, 9) + voc_object(30, 20, 60, 60)
    )
    found = read_pascal_voc(write_voc(objects))[0]["bounding_boxes"]
    np.testing.assert_array_equal(found["boxes"], [[29, 19, 40, 30]])


def test_pascal_voc_options(write_voc):
    write_voc(voc_object(1, 1, 9, 9, difficult=1), "b", "b.png")
    root = write_voc("", "c", "renamed.png", size=(0, 0))
    assert len(read_pascal_voc(root)) == 2
    easy = read_pascal_voc(root, include_difficult=False, class_names=["dog", "cat"])
    assert [len(s["bounding_boxes"]["boxes"]) for s in easy] == [0, 0]
    with pytest.raises(ValueError, match=r"classes .'dog'. in .*b\.xml"):
        read_pascal_voc(root, class_names=["dog"])
    lists = root / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("c  1\n")
    [only] = read_pascal_voc(root, split="train").files
    assert only.path.name == "c.png"
    (lists / "evil.txt").write_text("../c\n")
    with pytest.raises(ValueError, match="leaves it"):
        read_pascal_voc(root, split="evil")
    with pytest.raises(ValueError, match="leaves it"):
        read_pascal_voc(root, split="../../x")


@pytest.mark.parametrize(
    ("image_name", "file_name"),
    [
        *(("IMG.JPG", "IMG"), ("IMG.JPG", "IMG.jpg"), ("IMG.JPG", "IMG.JPG")),
        *(("IMG.jpg", "IMG.PNG"), ("IMG.Jpeg", ""), ("a.b.JPG", "a.b")),
        *(("my cat.jpg", "my cat"), ("other.JPG", "renamed.png")),
    ],
)
def test_pascal_voc_finds_images_as_labelling_tools_name_them(
    write_voc, image_name, file_name
):
    xml = image_name.rpartition(".")[0]
    root = write_voc("", xml, file_name, size=("", ""), image=False)
    path = write_image(root / "JPEGImages" / image_name, format="JPEG")
    write_image(root / "JPEGImages" / f"._{image_name}", format="JPEG")
    [only] = read_pascal_voc(root).files
    assert only.path == path
    (root / "Annotations" / f"{xml}.xml").rename(root / "Annotations" / f"{xml}.XML")
    assert [file.path for file in read_pascal_voc(root).files] == [path]


def test_pascal_voc_skips_hidden_files(write_voc):
    root = write_voc("")
    (root / "Annotations" / "._a.xml").write_bytes(b"\0\5\26\7\0\2")
    assert len(read_pascal_voc(root)) == 1


def test_pascal_voc_lists_of_names_with_spaces(write_voc):
    for name in ("my cat", "my cat 1", "dog", "a  b"):
        root = write_voc("", name, name + ".png")
    lists = root / "ImageSets" / "Main"
    lists.mkdir(parents=True)

    def names(content):
        (lists / "train.txt").write_bytes(content.encode())
        return [x.path.stem for x in read_pascal_voc(root, split="train").files]

    assert names("my cat\r\n\r\n  dog \r\n") == ["my cat", "dog"]
    assert names("my cat\nmy cat 1\na  b") == ["my cat", "my cat 1", "a  b"]
    assert names("my cat  1\nmy cat 1 -1\ndog  0") == ["my cat", "my cat 1", "dog"]
    assert names("my cat.jpg\ndog.PNG 1") == ["my cat", "dog"]
    with pytest.raises(ValueError, match=r"can't read .*my\.xml"):
        names("my 1")
    (lists / "train.txt").write_bytes(b"\xff\xff")
    with pytest.raises(ValueError, match=r"encoding .*train\.txt"):
        read_pascal_voc(root, split="train")


@pytest.mark.parametrize(
    "encoding",
    [
        *("GBK", "utf_8x", "hex", "idna", "punycode", "utf-7", "shift_jis", "rot13"),
        *("undefined", "base64", "big5", "mbcs", "uu"),
    ],
)
def test_pascal_voc_in_an_encoding_that_is_not_read(write_voc, encoding):
    root = write_voc("", head=f'<?xml version="1.0" encoding="{encoding}"?>')
    try:
        assert len(read_pascal_voc(root)) == 1  # some have the letters of ASCII
    except ValueError as error:
        assert "a.xml'" in str(error)


def test_pascal_voc_in_encodings_that_are_read(write_voc):
    root = write_voc("")
    path = root / "Annotations" / "a.xml"
    text = path.read_text().replace("a.png", "\xe4.png")
    write_image(root / "JPEGImages" / "\xe4.png")
    for encoding in ("utf-8", "utf-16", "latin-1", "cp1252"):
        head = f'<?xml version="1.0" encoding="{encoding}"?>'
        path.write_bytes((head + text).encode(encoding))
        assert read_pascal_voc(root).files[0].path.name == "\xe4.png"


BOMB = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
REACH = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("head", [BOMB, REACH, "<!DOCTYPE annotation>"])
def test_doctype_is_refused(write_voc, head):
    with pytest.raises(ValueError, match=r"a\.xml' has a DOCTYPE"):
        read_pascal_voc(write_voc(voc_object(1, 1, 9, 9), head=head))


def test_doctype_is_refused_in_any_encoding(write_voc):
    root = write_voc("")
    path = root / "Annotations" / "a.xml"
    path.write_bytes((BOMB + "<annotation/>").encode("utf-16"))
    with pytest.raises(ValueError, match="DOCTYPE"):
        read_pascal_voc(root)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objects": "<object>"}, r"a\.xml' is no XML"),
        ({"objects": voc_object("x", 1, 2, 3)}, "a number as <xmin>"),
        ({"objects": voc_object("nan", 1, 2, 3)}, "a number as <xmin>"),
        ({"objects": voc_object(1, 1, 2, 3, name=" ")}, "Expected a <name>"),
        ({"objects": voc_object(1, 1, 2, 3, difficult="x")}, "as <difficult> of .* 0"),
        ({"objects": "", "size": ("wide", 30)}, "pixels as <width>"),
        ({"objects": "", "size": (40, -30)}, "pixels as <height>"),
        ({"objects": "", "file_name": "x" * 300}, r"image file in .*a\.xml"),
        ({"objects": "", "file_name": "../a.png"}, "leaves it"),
        ({"objects": "", "image": False}, r"are missing: .*a\.png"),
    ],
)
def test_bad_pascal_voc_is_named(write_voc, options, message):
    with pytest.raises(ValueError, match=message):
        read_pascal_voc(write_voc(**options))


def test_pascal_voc_of_other_xml(tmp_path):
    (tmp_path / "a.xml").write_text("<svg/>")
    with pytest.raises(ValueError, match="received <svg>"):
        read_pascal_voc(tmp_path)
    (tmp_path / "a.xml").unlink()
    with pytest.raises(ValueError, match="Expected XML files"):
        read_pascal_voc(tmp_path)


def test_real_blood_cells():
    dataset = read_pascal_voc(shared_data("bccd"), first_pixel=0)
    assert len(dataset) == 292
    assert dataset.class_names == ("Platelets", "RBC", "WBC")
    boxes = [file.labels["bounding_boxes"]["boxes"] for file in dataset.files]
    # 3,943 in the files; two are points, which are slips.
    assert sum(map(len, boxes)) == 3941
    sample = dataset[0]
    assert sample["images"].shape == (480, 640, 3)
    # The white cell, the first box, alone is blue.
    left, top, right, bottom = sample["bounding_boxes"]["boxes"][0].astype(int)
    red, blue = (sample["images"][..., channel].astype(int) for channel in (0, 2))
    is_blue = blue - red > 40
    assert is_blue[top:bottom, left:right].sum() > 0.98 * is_blue.sum() > 1000


# Data sets


@pytest.fixture
def detection(write_coco):
    return read_coco(*write_coco(coco(images=5), images=5))


def augmented(dataset):
    """Returns a data set in which all is drawn: order, values and neighbours."""
    mosaic = P.Mosaic(seed=4, **BOXES)
    flip = P.RandomFlip(seed=2, **BOXES)
    jitter = P.RandomBrightness(0.5, seed=3)
    mapped = dataset.shuffle(seed=1).map(P.Augmenter([flip, jitter]))
    return mapped.batch(2, mosaic, max_boxes=6)


def assert_same(one, other):
    np.testing.assert_array_equal(one["images"], other["images"])
    for key in ("boxes", "classes"):
        first, second = (x["bounding_boxes"][key] for x in (one, other))
        np.testing.assert_array_equal(first, second)


def differ(one, other):
    return not np.array_equal(one["images"], other["images"])


def test_indices(detection):
    assert_same(detection[-1], detection[np.int64(4)])
    for index in (5, -6):
        with pytest.raises(IndexError):
            detection[index]
    with pytest.raises(TypeError):
        detection[0.5]
    assert len(list(detection)) == 5


def test_samples_are_the_callers(detection):
    first = detection[0]
    first["images"][:] = 0
    first["bounding_boxes"]["boxes"][:] = 0
    assert detection[0]["images"].any()
    assert detection[0]["bounding_boxes"]["boxes"].any()


def test_draws_depend_on_sample_and_epoch_alone(detection):
    dataset = augmented(detection)
    expected = [dataset[i] for i in range(3)]
    for index in (2, 0, 1, 1):
        assert_same(dataset[index], expected[index])
    assert_same(augmented(detection)[1], expected[1])
    dataset.epoch = 1
    assert any(differ(dataset[i], expected[i]) for i in range(3))
    dataset.epoch = 0
    assert_same(dataset[0], expected[0])


def test_map_and_batch_draw_alike(detection):
    layer = P.RandomBrightness(0.5, seed=3)
    single = detection.map(layer)
    batch = detection.batch(2, layer)
    np.testing.assert_array_equal(batch[1]["images"][1], single[3]["images"])


def test_map_with_a_function(detection):
    def dark(sample):
        return {**sample, "images": sample["images"] // 2}

    expected = detection[1]["images"] // 2
    np.testing.assert_array_equal(detection.map(dark)[1]["images"], expected)
    with pytest.raises(ValueError, match="augmentation layer or a function"):
        detection.map("dark")


def test_repeat_draws_anew(detection):
    dataset = detection.map(P.RandomBrightness(0.5, seed=3))
    twice = dataset.repeat(2)
    assert len(twice) == 10
    assert_same(twice[3], dataset[3])
    assert differ(twice[8], dataset[3])
    dataset.epoch = 1
    assert_same(twice[8], dataset[3])


def test_shuffle_and_select(detection):
    def numbers(dataset):
        return [int(sample["images"][0, 0, 0]) for sample in dataset]

    assert numbers(detection) == [0, 1, 2, 3, 4]
    assert numbers(detection.select([3, 1])) == [3, 1]
    shuffled = detection.shuffle(seed=0)
    first = numbers(shuffled)
    assert sorted(first) == [0, 1, 2, 3, 4]
    shuffled.epoch = 1
    assert sorted(numbers(shuffled)) == [0, 1, 2, 3, 4] and numbers(shuffled) != first
    with pytest.raises(ValueError, match="received .5."):
        detection.select([0, 5])
    with pytest.raises(ValueError, match="`seed`"):
        detection.shuffle(seed=-1)


def test_batch(detection):
    dataset = detection.batch(2)
    assert [len(batch["images"]) for batch in dataset] == [2, 2, 1]
    boxes = dataset[0]["bounding_boxes"]
    assert boxes["boxes"].shape == (2, 2, 4)
    np.testing.assert_array_equal(boxes["classes"], [[0, 1], [0, -1]])
    np.testing.assert_array_equal(boxes["boxes"][1, 1], [-1] * 4)
    assert len(detection.batch(2, drop_remainder=True)) == 2


def test_cutting_boxes_drops_padding_first(detection):
    """Mosaic leaves padding between boxes, which must not push real ones out."""
    mosaic = P.Mosaic((0.5, 0.5), seed=1, **BOXES)
    everything = detection.batch(5, mosaic)[0]["bounding_boxes"]
    count = (everything["classes"] != -1).sum(axis=1)
    cut = detection.batch(5, mosaic, max_boxes=int(count.max()))[0]["bounding_boxes"]
    assert everything["classes"].shape[1] > cut["classes"].shape[1] == count.max()
    np.testing.assert_array_equal((cut["classes"] != -1).sum(axis=1), count)


def test_pickles_to_workers(detection):
    dataset = augmented(detection)
    assert_same(pickle.loads(pickle.dumps(dataset))[1], dataset[1])


# collate


def test_collate(detection):
    batch = collate([detection[0], detection[2]], max_boxes=3)
    assert batch["images"].shape == (2, 30, 40, 3)
    np.testing.assert_array_equal(
        batch["bounding_boxes"]["classes"], [[0, 1, -1], [-1, -1, -1]]
    )
    cut = collate([detection[0]], max_boxes=1)
    assert cut["bounding_boxes"]["boxes"].shape == (1, 1, 4)


def test_collate_images_of_different_sizes():
    samples = [{"images": np.zeros((4, 4 + i, 3), "uint8")} for i in range(2)]
    images = collate(samples)["images"]
    assert [image.shape for image in images] == [(4, 4, 3), (4, 5, 3)]


def test_collate_refuses():
    with pytest.raises(ValueError, match="at least one sample"):
        collate([])
    with pytest.raises(ValueError, match="the same keys"):
        collate([{"images": 1}, {"image": 1}])
    with pytest.raises(ValueError, match="`max_boxes`"):
        collate([{"images": 1}], max_boxes=0)


# Loaders


def test_torch_data_loader(detection):
    torch = pytest.importorskip("torch", reason="needs torch")
    dataset = augmented(detection)
    loader = torch.utils.data.DataLoader(dataset, batch_size=None)
    for number, batch in enumerate(loader):
        assert isinstance(batch["images"], torch.Tensor)
        assert_same(batch, dataset[number])
    function = functools.partial(collate, max_boxes=4, to_torch=True)
    loader = torch.utils.data.DataLoader(detection, 2, collate_fn=function)
    batch = next(iter(loader))
    assert batch["bounding_boxes"]["boxes"].shape == (2, 4, 4)
    assert isinstance(batch["bounding_boxes"]["boxes"], torch.Tensor)


@pytest.mark.large
# Of torch, where a test may use one core only.
@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
def test_torch_workers(detection):
    torch = pytest.importorskip("torch", reason="needs torch")
    dataset = augmented(detection)
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=None, num_workers=2, multiprocessing_context="spawn"
    )
    for number, batch in enumerate(loader):
        assert_same(batch, dataset[number])


def test_grain(detection):
    grain = pytest.importorskip("grain", reason="needs Grain")
    dataset = augmented(detection)
    for number, batch in enumerate(grain.MapDataset.source(dataset).to_iter_dataset()):
        assert_same(batch, dataset[number])
    source = grain.MapDataset.source(detection).batch(2, batch_fn=collate)
    assert_same(source[0], detection.batch(2)[0])


def test_tf_data(detection):
    pytest.importorskip("tensorflow", reason="needs TensorFlow")
    dataset = augmented(detection)
    loaded = dataset.to_tf_data()
    assert loaded.element_spec["images"].shape.as_list() == [None, 30, 40, 3] or (
        loaded.element_spec["images"].shape.as_list() == [None, None, None, 3]
    )
    assert loaded.element_spec["bounding_boxes"]["boxes"].shape[1:] == (6, 4)
    assert len(loaded) == 3
    for epoch in range(2):  # each pass is an epoch
        dataset.epoch = epoch
        for number, batch in enumerate(loaded.as_numpy_iterator()):
            assert_same(batch, dataset[number])


def test_tf_data_of_samples_and_of_batches(detection, folder):
    pytest.importorskip("tensorflow", reason="needs TensorFlow")
    layer = P.RandomBrightness(0.5, seed=3)
    for sample, expected in zip(
        detection.to_tf_data(layer).as_numpy_iterator(),
        detection.map(layer),
        strict=True,
    ):
        assert_same(sample, expected)
    resize = P.Resizing(16, 20)
    batches = (
        read_image_folder(folder, one_hot=True)
        .map(resize)
        .to_tf_data(P.MixUp(seed=1), batch_size=2, drop_remainder=True)
    )
    assert batches.element_spec["images"].shape == (2, 16, 20, 3)
    assert batches.element_spec["labels"].shape == (2, 2)
    assert next(iter(batches))["images"].shape == (2, 16, 20, 3)
    with pytest.raises(ValueError, match="`batch_size` beside `max_boxes`"):
        detection.to_tf_data(max_boxes=3)
    with pytest.raises(ValueError, match="an empty data set"):
        detection.select([]).to_tf_data()


def test_tf_data_names_a_file_that_fails(folder):
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow")
    (folder / "dog" / "deep" / "c.png").write_bytes(b"no image")
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"c\.png' is no image file"
    ):
        list(read_image_folder(folder).to_tf_data())


def test_tf_data_of_different_sizes(folder):
    pytest.importorskip("tensorflow", reason="needs TensorFlow")
    write_image(folder / "cat" / "b.png", 20, 20)
    dataset = read_image_folder(folder)
    shapes = [x["images"].shape for x in dataset.to_tf_data().as_numpy_iterator()]
    assert shapes == [(30, 40, 3), (20, 20, 3), (30, 40, 3)]
    with pytest.raises(ValueError, match="Resizing"):
        dataset.to_tf_data(batch_size=3)
