"""Arrays of preprocessing: one set of operations, ragged rows, draws, host calls."""
