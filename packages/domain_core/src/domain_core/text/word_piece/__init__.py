"""WordPiece: text to ids by the longest match first."""
