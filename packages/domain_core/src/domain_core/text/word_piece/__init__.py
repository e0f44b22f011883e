"""WordPiece: text to ids by the longest match first.

`engine.py` is what both kinds share: `bert_engine.py` with BERT's normalization,
`keras_engine.py` with that of Keras' tokenizer. `graph.py` does the same in TensorFlow
graphs, from the parts in `graph_*.py`; `tokenizer_json.py` reads and writes files.
"""
