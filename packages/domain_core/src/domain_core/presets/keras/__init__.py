"""The layout of presets that KerasNLP, KerasCV and KerasHub published."""
