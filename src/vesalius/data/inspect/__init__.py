"""A look at a corpus before anything is trained on it: what is there, what is missing, what is wrong."""
