"""A small Segment Anything learns to cut out blood cells from boxes around them.

    python examples/segment_blood_cells.py --data bccd                  # on torch
    KERAS_BACKEND=jax python examples/segment_blood_cells.py --data bccd

`--data` is a folder as Pascal VOC has it, such as that of
https://github.com/Shenggan/BCCD_Dataset: 292 photographs with boxes, without masks. The
script makes masks of colour: what is darker than the ground, in a box, of one piece. A
Segment Anything of 0.4 million weights, drawn at random, learns them from 205
photographs: decoder, prompt encoder and, as random features are poor ones, the image
encoder too. On the 87 others, held out, the script promises a mean overlap of 0.8 with
the masks made of colour, within 30 minutes on two CPU cores. With `--frozen` the image
encoder stays as random as it is and sees each photograph once: 0.78 in half the time,
and 0.80 after 45 epochs. It writes a picture.
"""

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import keras
import numpy as np

import keras_cv

PROMISED, PROMISED_FROZEN = 0.8, 0.75
HELD_OUT = 87
# Height and width of what the model sees, and of a patch of it, in pixels.
SIZE, PATCH = (192, 256), 16
Cells = tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]


def main() -> None:
    """Makes masks, trains, evaluates, draws."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="a folder as Pascal VOC has it")
    parser.add_argument("--epochs", type=int, default=20, help="default: %(default)s")
    parser.add_argument(
        "--frozen", action="store_true", help="leave the image encoder as it is"
    )
    parser.add_argument(
        "--png", default="segmented_blood_cells.jpg", help="default: %(default)s"
    )
    options = parser.parse_args()
    keras.utils.set_random_seed(0)
    started = time.perf_counter()
    train, held_out = load(options.data)
    numbers = [sum(map(len, boxes)) for _, boxes, _ in (train, held_out)]
    print(f"{numbers[0]} cells to learn from, {numbers[1]} held out")
    segmenter = make()
    print(f"{segmenter.count_params():,} weights")
    learn(segmenter, train, held_out, options.epochs, options.frozen)
    found = segmenter.predict(held_out[0], boxes=held_out[1], batch_size=8)
    score = np.mean(overlaps([one["masks"] for one in found], held_out[2]))
    boxes = [filled(*one) for one in zip(held_out[1], held_out[2], strict=True)]
    print(f"whole boxes overlap by {np.mean(overlaps(boxes, held_out[2])):.3f}")
    print(f"found masks by {score:.3f}, {time.perf_counter() - started:.0f} s")
    draw(held_out, found, options.png)
    promised = PROMISED_FROZEN if options.frozen else PROMISED
    assert score >= promised, f"expected at least {promised}"


def load(folder: str) -> tuple[Cells, Cells]:
    """Returns photographs, boxes and masks, to learn from and held out."""
    # BCCD was labeled with labelImg, which counts pixels from 0.
    data = keras_cv.datasets.read_pascal_voc(folder, first_pixel=0)
    order = np.random.default_rng(0).permutation(len(data))
    samples = [data[int(index)] for index in order]
    cells = [(s["images"], *cut_out(s)) for s in samples]
    held_out, train = cells[:HELD_OUT], cells[HELD_OUT:]
    return as_lists(train), as_lists(held_out)


def as_lists(cells: list[Any]) -> Cells:
    """Returns images, boxes and masks of those photographs that show a clear cell."""
    images, boxes, masks = zip(*(one for one in cells if len(one[1])), strict=True)
    return list(images), list(boxes), list(masks)


def cut_out(sample: Any) -> tuple[np.ndarray, np.ndarray]:
    """Returns boxes that a cell fills about half of, and the masks of these cells.

    Others hold a cell so pale, or so hidden by others, that colour does not tell.
    """
    # Cells take most of the green light; the ground takes none.
    green = cv2.GaussianBlur(np.asarray(sample["images"])[..., 1], (5, 5), 0)
    _, dark = cv2.threshold(green, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    boxes, masks = [], []
    for box in sample["bounding_boxes"]["boxes"]:
        left, top, right, bottom = np.round(box).astype(int)
        cell = without_holes(dark[top:bottom, left:right])
        # Neighbours reach into the corners, and hang on by thin bridges.
        cell &= disc(cell.shape)
        thin = min(cell.shape) // 4
        cell = cv2.morphologyEx(cell, cv2.MORPH_OPEN, disc((thin, thin)))
        cell = largest_piece(cell)
        if cell.mean() >= 0.45:  # an ellipse would be 0.79
            mask = np.zeros(green.shape, bool)
            mask[top:bottom, left:right] = cell
            boxes.append(box)
            masks.append(mask)
    return np.array(boxes).reshape(-1, 4), np.array(masks)


def without_holes(mask: np.ndarray) -> np.ndarray:
    """Returns a mask with what is inside of its edges."""
    edges, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros_like(mask), edges, -1, 255, cv2.FILLED)


def disc(size: tuple[int, int]) -> np.ndarray:
    """Returns the ellipse that fills a rectangle."""
    return 255 * cv2.getStructuringElement(cv2.MORPH_ELLIPSE, size[::-1])


def largest_piece(mask: np.ndarray) -> np.ndarray:
    """Returns where the largest piece of a mask is."""
    count, pieces, numbers, _ = cv2.connectedComponentsWithStats(mask)
    if count == 1:
        return np.zeros(mask.shape, bool)
    return pieces == 1 + numbers[1:, cv2.CC_STAT_AREA].argmax()


def make() -> Any:
    """Returns a small Segment Anything, whose weights are drawn at random."""
    width = 64
    backbone = keras_cv.models.ViTDetBackbone(
        include_rescaling=True,
        input_shape=(*SIZE, 3),
        patch_size=PATCH,
        embed_dim=width,
        depth=4,
        mlp_dim=2 * width,
        num_heads=4,
        window_size=8,
        global_attention_indices=[1, 3],
        out_chans=width,
    )
    return keras_cv.models.SegmentAnything(
        backbone=backbone,
        prompt_encoder=keras_cv.models.SAMPromptEncoder(
            embed_dim=width,
            image_embedding_size=(SIZE[0] // PATCH, SIZE[1] // PATCH),
            input_image_size=SIZE,
        ),
        mask_decoder=keras_cv.models.SAMMaskDecoder(
            transformer_dim=width,
            transformer=keras_cv.models.TwoWayTransformer(
                embed_dim=width, num_heads=4, mlp_dim=2 * width
            ),
            iou_head_hidden_dim=width,
        ),
    )


def learn(
    segmenter: Any, train: Cells, held_out: Cells, epochs: int, frozen: bool
) -> None:
    """Trains on boxes and the masks in them."""
    batch = 2
    # Adam at a high rate that falls, and with a short memory: there are few steps.
    rate = keras.optimizers.schedules.CosineDecay(
        2e-3, epochs * -(-len(train[0]) // batch)
    )
    optimizer = keras.optimizers.Adam(rate, beta_2=0.95)
    # As in the paper, the three terms of the loss are weighted 20, 1 and 1.
    segmenter.compile(optimizer, train_encoder=not frozen)
    (images, boxes, masks), (others, other_boxes, other_masks) = train, held_out
    if frozen:
        images, others = (segmenter.embed(x, batch_size=8) for x in (images, others))
    segmenter.fit(
        {"images": images, "boxes": boxes},
        masks,
        batch_size=batch,
        epochs=epochs,
        validation_data=({"images": others, "boxes": other_boxes}, other_masks),
        validation_freq=5,
        verbose=2,
    )


def overlaps(found: Sequence[np.ndarray], true: Sequence[np.ndarray]) -> np.ndarray:
    """Returns the overlap of each mask with its true one."""
    rows = []
    for one, other in zip(found, true, strict=True):
        both = (one & other).sum(axis=(1, 2))
        rows.append(both / (one | other).sum(axis=(1, 2)))
    return np.concatenate(rows)


def filled(boxes: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Returns masks that are whole boxes."""
    y, x = np.mgrid[: masks.shape[1], : masks.shape[2]] + 0.5
    left, top, right, bottom = boxes.T[..., None, None]
    return (x > left) & (x < right) & (y > top) & (y < bottom)


def draw(cells: Cells, found: Sequence[Any], path: str) -> None:
    """Draws boxes and masks made of colour, and below what was found in the boxes."""
    images, boxes, masks = (part[:3] for part in cells)
    figure = keras_cv.visualization.plot_mask_gallery(
        [*images, *images],
        (0, 255),
        [*masks, *(one["masks"] for one in found[:3])],
        boxes=[*boxes, *boxes],
        rows=2,
        cols=3,
    )
    figure.savefig(Path(path))
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
