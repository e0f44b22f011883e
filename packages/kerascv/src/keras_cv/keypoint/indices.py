"""Which number of a keypoint is which: `keypoints[..., XY.X]`."""


class XY:
    """Place in pixels, and what may follow it."""

    X = 0
    Y = 1
    CLASS = 2
    CONFIDENCE = 3


class REL_XY(XY):
    """Place as fractions of the image's width and height, and what may follow it."""
