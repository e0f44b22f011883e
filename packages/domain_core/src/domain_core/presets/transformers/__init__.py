"""The layout of Hugging Face `transformers`."""
