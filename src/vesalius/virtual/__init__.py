"""Virtual patients: one seed, one anatomy, every image of it, and the whole truth."""
