"""Genetic-interaction prediction in yeast, in pure JAX."""

from gi_jax.errors import GiJaxError
from gi_jax.predict import Predictor, Screen, load_model

__all__ = ["GiJaxError", "Predictor", "Screen", "load_model"]
