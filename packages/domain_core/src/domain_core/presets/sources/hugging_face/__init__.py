"""`hf://`: repositories on the Hugging Face Hub."""
