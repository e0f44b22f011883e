"""`kaggle://`: models on Kaggle."""
