"""Heads on trained encoders, fitted to labels: classification, segmentation and what else is learnt downstream."""
