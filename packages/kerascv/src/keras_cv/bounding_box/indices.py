"""Which of the four numbers is which: `boxes[..., XYWH.WIDTH]`."""


class XYXY:
    """Corners in pixels."""

    LEFT = 0
    TOP = 1
    RIGHT = 2
    BOTTOM = 3


class REL_XYXY(XYXY):
    """Corners as fractions of the image's width and height."""


class YXYX:
    """Corners in pixels, y first."""

    TOP = 0
    LEFT = 1
    BOTTOM = 2
    RIGHT = 3


class REL_YXYX(YXYX):
    """Corners as fractions of the image's height and width, y first."""


class XYWH:
    """Upper left corner and size in pixels."""

    X = 0
    Y = 1
    WIDTH = 2
    HEIGHT = 3


class REL_XYWH(XYWH):
    """Upper left corner and size as fractions of the image's width and height."""


class CENTER_XYWH(XYWH):
    """Center and size in pixels."""
