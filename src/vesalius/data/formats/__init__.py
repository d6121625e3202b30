"""Formats in which anyone may keep pictures with texts, labels, boxes or questions, one file each."""
