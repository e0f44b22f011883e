"""How ResNet's weights are sharded: weight path patterns to logical axes.

Axes: "width" (output channels, which a model-parallel mesh splits), None (replicated).
"""

LAYOUT = {r"(stem|stages\.\d+\.\d+)\..*conv.*\.kernel": (None, None, None, "width")}
