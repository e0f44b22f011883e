"""SentencePiece: text to ids by the compiled library of that name."""
