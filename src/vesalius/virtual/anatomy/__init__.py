"""Anatomy in three dimensions: implicit solids with names and tissues, sampled on any grid."""
