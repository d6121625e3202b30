"""Diseases of the chest, one file a finding: how it is drawn, how it changes the chest, what it is called."""
