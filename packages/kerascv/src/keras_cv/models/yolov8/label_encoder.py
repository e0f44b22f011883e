import keras
from keras import ops
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_cv.bounding_box.compute_ciou import compute_ciou


@serializable("kerascv>yolov8")
class LabelEncoder(RemembersArguments, keras.layers.Layer):
    def __init__(
        self,
        num_classes,
        max_anchor_matches=10,
        alpha=0.5,
        beta=6.0,
        epsilon=1e-9,
        *,
        name=None,
    ):
        super().__init__(name=name)
        self.num_classes = num_classes
        self.max_anchor_matches = max_anchor_matches
        self.alpha = alpha
        self.beta = beta
        self.epsilon = epsilon

    def __call__(self, scores, decode_bboxes, anchors, gt_labels, gt_bboxes, gt_mask):
        lab = ops.cast(gt_labels, "int32")
        mask = ops.cast(gt_mask, "bool")
        sc = ops.take_along_axis(ops.transpose(scores, (0, 2, 1)), lab[..., None], 1)
        ov = ops.maximum(
            compute_ciou(gt_bboxes[:, :, None], decode_bboxes[:, None], "xyxy"), 0.0
        )
        anchors = ops.convert_to_tensor(anchors)
        near = anchors[None, None] - gt_bboxes[:, :, None, :2]
        far = gt_bboxes[:, :, None, 2:] - anchors[None, None]
        inside = (ops.min(ops.minimum(near, far), -1) > self.epsilon) & mask[..., None]
        ov = ops.where(inside, ov, 0.0)
        al = ops.where(
            inside, ops.power(sc, self.alpha) * ops.power(ov, self.beta), 0.0
        )
        k = min(self.max_anchor_matches, al.shape[-1])
        kth = ops.top_k(al, k)[0][..., -1:]
        ch = (al >= kth) & (al > 0)
        sev = ops.sum(ops.cast(ch, "int32"), 1, keepdims=True) > 1
        n = al.shape[1]
        best = ops.argmax(ops.where(ch, ov, -1.0), 1)
        ch = ops.where(sev, ch & (ops.arange(n)[None, :, None] == best[:, None]), ch)
        fg = ops.any(ch, 1)
        own = ops.argmax(ops.cast(ch, "int32"), 1)
        box = ops.take_along_axis(gt_bboxes, own[..., None], 1)
        l = ops.take_along_axis(lab, own, 1)
        al = ops.where(ch, al, 0.0)
        sh = ops.max(
            al
            * ops.max(ops.where(ch, ov, 0.0), -1, keepdims=True)
            / (ops.max(al, -1, keepdims=True) + self.epsilon),
            1,
        )
        t = (
            ops.cast(ops.one_hot(l, self.num_classes), "float32")
            * ops.where(fg, sh, 0.0)[..., None]
        )
        return box, t, fg
