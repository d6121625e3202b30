"""One file a published benchmark: its lists, its rules, its protocol as data, its scores; no model is run here."""
