"""Vesalius: train, adapt, evaluate and serve medical vision-language models."""

__version__ = "0.1.0"
