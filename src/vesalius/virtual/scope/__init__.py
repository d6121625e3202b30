"""Endoscopes and surgical video: camera and light, hollow organs, operations, instruments, what is said."""
