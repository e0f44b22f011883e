"""How the weights of encoders that resemble BERT are sharded.

Weight path patterns to logical axes: "vocabulary", "width" (features between blocks),
"heads" and "intermediate" (the axes that a model-parallel mesh splits), None
(replicated).
"""

LAYOUT = {
    r"embeddings\.token_embedding\.embeddings": ("vocabulary", "width"),
    r"embeddings\.positions": (None, "width"),
    r"blocks\.\d+\.attention\.(query|key|value)\.kernel": ("width", "heads"),
    r"blocks\.\d+\.attention\.(query|key|value)\.bias": ("heads",),
    r"blocks\.\d+\.attention\.out\.kernel": ("heads", "width"),
    r"blocks\.\d+\.feedforward\.up\.kernel": ("width", "intermediate"),
    r"blocks\.\d+\.feedforward\.up\.bias": ("intermediate",),
    r"blocks\.\d+\.feedforward\.down\.kernel": ("intermediate", "width"),
}
