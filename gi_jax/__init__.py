"""Genetic-interaction prediction in yeast, in pure JAX."""
