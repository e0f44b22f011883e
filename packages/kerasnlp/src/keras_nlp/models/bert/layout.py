"""How BERT's weights are sharded: weight path patterns to logical axes.

Axes: "vocabulary", "width" (features between blocks), "heads" and "intermediate" (the
axes that a model-parallel mesh splits), None (replicated).
"""

LAYOUT = {
    r"embeddings\.token_embedding\.embeddings": ("vocabulary", "width"),
    r"embeddings\.(positions|segments)": (None, "width"),
    r"blocks\.\d+\.attention\.(query|key|value)\.kernel": ("width", "heads"),
    r"blocks\.\d+\.attention\.(query|key|value)\.bias": ("heads",),
    r"blocks\.\d+\.attention\.out\.kernel": ("heads", "width"),
    r"blocks\.\d+\.feedforward\.up\.kernel": ("width", "intermediate"),
    r"blocks\.\d+\.feedforward\.up\.bias": ("intermediate",),
    r"blocks\.\d+\.feedforward\.down\.kernel": ("intermediate", "width"),
    r"pooler\.dense\.kernel": ("width", None),
}
