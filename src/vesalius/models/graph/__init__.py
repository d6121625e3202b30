"""Embeddings of a graph: each file holds a family of ways to score a triple of head, relation and tail."""
