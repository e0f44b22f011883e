"""Byte-pair encoding: text to ids by merging pairs.

`engine.py` does it in compiled code, `graph.py` in TensorFlow graphs; `patterns.py` has
the rules by which families cut text into words, `byte_level.py` the alphabet of bytes;
`files.py` and `tokenizer_json.py` read and write vocabularies.
"""
