"""SentencePiece: text to ids by the compiled library of that name.

`engine.py` runs a model, `model.py` reads and edits one.
"""
