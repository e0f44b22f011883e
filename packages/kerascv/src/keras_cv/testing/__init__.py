"""What tests and examples of vision models share."""
