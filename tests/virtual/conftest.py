"""Puts this folder on the path, so that tests below it find `virtual_patients`."""
