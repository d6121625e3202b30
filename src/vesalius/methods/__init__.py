"""One file per paper: its idea over the shared cores."""
