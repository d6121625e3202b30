"""Heads that answer for every pixel of a picture, over the feature maps of any vision encoder."""
