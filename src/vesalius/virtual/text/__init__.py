"""Texts of virtual patients: from facts to words, and back."""
