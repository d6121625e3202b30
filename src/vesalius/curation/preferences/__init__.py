"""Makers of preference pairs: conversations with a better and a worse answer, or a worse picture, and a weight."""
