"""Trained models at work: predictions and screens."""

from gi_jax.predict.predictor import Predictor, load_model
from gi_jax.predict.screen import Screen
from gi_jax.predict.screening.merge import MergedScreen

__all__ = ["MergedScreen", "Predictor", "Screen", "load_model"]
