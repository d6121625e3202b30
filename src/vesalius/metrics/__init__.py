"""Metrics and statistics in numpy; nothing here imports torch."""
