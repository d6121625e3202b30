"""The eye: one retina, from which fundus photographs and tomograms are made."""
