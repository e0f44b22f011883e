"""Masks and points, painted on one image."""

from __future__ import annotations

import numpy as np

_FOREGROUND, _BACKGROUND = (0, 200, 60), (230, 30, 40)
_LIGHT, _DARK = (255, 255, 255), (0, 0, 0)
_POINT_RADIUS = 5  # lines' thicknesses
_STAR_WAIST = 0.42  # radius between the five tips, of that of the tips
_BITS = 4  # of fractions of a pixel


def paint_masks(
    image: np.ndarray,
    masks: np.ndarray,
    colors: np.ndarray,
    opacity: float,
    thickness: int,
) -> np.ndarray:
    """Returns a copy of an image, tinted where masks are, these with an edge.

    Edges lie within masks, with a thin dark line around, which tells them from an image
    of their own color. Large masks come first, so that none is hidden.

    Args:
        image: uint8 `(H, W, 3)`.
        masks: bool `(P, H, W)`.
        colors: uint8 `(P, 3)` or longer.
        opacity: of the tint, 0 to 1.
        thickness: of edges, in pixels.
    """
    import cv2

    painted = image.astype("float32")
    for number in np.argsort(-masks.sum((1, 2)), kind="stable"):
        mask, color = masks[number].astype("uint8"), colors[number].astype("float32")
        inside = cv2.erode(mask, _disc(thickness))
        around = cv2.dilate(mask, _disc(max(thickness // 2, 1)))
        fill = inside.astype(bool)
        painted[fill] += (color - painted[fill]) * opacity
        painted[around > mask] *= 0.4
        painted[mask > inside] = color
    return np.rint(painted).astype("uint8")


def paint_points(
    image: np.ndarray, points: np.ndarray, labels: np.ndarray, thickness: int
) -> np.ndarray:
    """Returns a copy of an image with green stars and red discs, rimmed.

    Args:
        image: uint8 `(H, W, 3)`.
        points: `(N, 2)`, x and y in pixels; a whole number is the centre of a pixel.
        labels: `(N,)`, 1 for a star, 0 for a disc, other numbers for nothing.
        thickness: of lines, in pixels.
    """
    import cv2

    painted = np.ascontiguousarray(image).copy()
    for point, label in zip(points, labels, strict=True):
        if label not in (0, 1):
            continue
        color = _FOREGROUND if label else _BACKGROUND
        for rim, paint in ((1.5, _DARK), (1.0, _LIGHT), (0.0, color)):
            radius = (_POINT_RADIUS + rim) * thickness
            outline = point + (_star(radius) if label else _circle(radius * 0.75))
            fixed = np.rint(outline * (1 << _BITS)).astype("int32")
            cv2.fillPoly(painted, [fixed], paint, cv2.LINE_AA, _BITS)
    return painted


def _disc(radius: int) -> np.ndarray:
    import cv2

    size = 2 * radius + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))


def _star(radius: float) -> np.ndarray:
    """Returns the corners of a star with five tips, one of them up, `(10, 2)`."""
    corners = _around(10, radius)
    corners[1::2] *= _STAR_WAIST
    return corners


def _circle(radius: float) -> np.ndarray:
    return _around(32, radius)


def _around(count: int, radius: float) -> np.ndarray:
    angles = np.arange(count) * (2 * np.pi / count)
    return radius * np.stack([np.sin(angles), -np.cos(angles)], -1)
