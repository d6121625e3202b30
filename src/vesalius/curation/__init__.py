"""Turning a corpus into training data: pure steps with counts in and out, and the audit of leakage."""
