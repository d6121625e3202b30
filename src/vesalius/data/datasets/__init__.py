"""Public data sets, one file each: the reader of its release layout, and the writer that its twin needs."""
