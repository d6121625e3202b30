"""Scores with passports, comparisons, and the pages that show them."""
