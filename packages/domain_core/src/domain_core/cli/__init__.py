"""`python -m domain_core`: one small module per command.

A command module has `add_to`, which adds its arguments, and a function of these that
returns an `Answer`. Importing any of them does nothing.
"""
