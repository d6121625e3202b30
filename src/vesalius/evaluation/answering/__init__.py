"""Benchmarks of questions: ask any model, keep every word, mark by any rule."""
