"""Studies and corpora: what is known of a case, where its files are, and how they are read."""
