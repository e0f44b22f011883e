"""How BERT's weights are sharded; see `encoder_layout`."""

from keras_nlp.models.encoder_layout import LAYOUT as ENCODER_LAYOUT

LAYOUT = {
    **ENCODER_LAYOUT,
    r"embeddings\.segments": (None, "width"),
    r"pooler\.dense\.kernel": ("width", None),
}
