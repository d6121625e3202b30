"""Radiographs of the chest: rays through implicit shapes, exposure and film."""
