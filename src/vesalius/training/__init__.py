"""Training on the Hugging Face Trainer: recipes, checkpoints, memory and plans."""
