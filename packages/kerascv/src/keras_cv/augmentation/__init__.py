"""What the augmentation layers stand on: batches, transforms and three engines."""
