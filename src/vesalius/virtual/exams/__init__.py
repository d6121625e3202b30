"""Examinations, one file each: what is rendered of a patient, with the truth about it."""
