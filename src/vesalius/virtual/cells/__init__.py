"""Microscopic worlds: tissue sections, blood films and clips of sperm, drawn from outlines in micrometres."""
