"""The skin and what grows in it, as a dermatoscope shows it."""
