"""One file a protocol: what a head is, what it learns from, and what it answers."""
