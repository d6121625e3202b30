"""Conversations to train on: their record, the files they stand in, and the corpora they are made of."""
