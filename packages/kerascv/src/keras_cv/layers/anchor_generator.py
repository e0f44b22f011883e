import keras, numpy as np
from keras import ops
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_cv.bounding_box.convert_format import convert_format


@serializable("kerascv")
class AnchorGenerator(RemembersArguments, keras.layers.Layer):
    def __init__(
        self,
        bounding_box_format,
        sizes,
        scales,
        aspect_ratios,
        strides,
        clip_boxes=False,
        *,
        name=None,
        trainable=True,
        dtype=None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.bounding_box_format = bounding_box_format
        self.sizes = dict(sizes)
        self.scales = list(scales)
        self.aspect_ratios = list(aspect_ratios)
        self.strides = dict(strides)
        self.clip_boxes = clip_boxes

    @property
    def anchors_per_location(self):
        return len(self.scales) * len(self.aspect_ratios)

    def __call__(self, image=None, image_shape=None):
        h, w = image.shape[-3:-1] if image_shape is None else image_shape[:2]
        out = {}
        for key, size in self.sizes.items():
            st = self.strides[key]
            shapes = np.array(
                [
                    (size * s * r**0.5, size * s / r**0.5)
                    for s in self.scales
                    for r in self.aspect_ratios
                ],
                "float32",
            )
            o = np if isinstance(h, int) and isinstance(w, int) else ops
            cy = (o.arange(-(-h // st), dtype="float32") + 0.5) * st
            cx = (o.arange(-(-w // st), dtype="float32") + 0.5) * st
            gx, gy = o.meshgrid(cx, cy)
            c = o.stack([gx, gy], -1)[:, :, None]
            b = o.reshape(o.concatenate([c - shapes / 2, c + shapes / 2], -1), (-1, 4))
            if self.clip_boxes:
                lim = o.stack(
                    [
                        o.cast(w, "float32") if o is ops else float(w),
                        o.cast(h, "float32") if o is ops else float(h),
                    ]
                    * 2
                )
                b = o.minimum(o.maximum(b, 0.0), lim)
            out[key] = convert_format(
                b, "xyxy", self.bounding_box_format, image_shape=(h, w, 3)
            )
        return out
