"""The gallery: a page with every examination and finding, to look at."""
