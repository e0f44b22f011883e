"""Byte-pair encoding: text to ids by merging pairs."""
