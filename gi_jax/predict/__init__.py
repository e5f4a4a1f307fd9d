"""Trained models at work: predictions and screens."""

from gi_jax.predict.predictor import Predictor, load_model
from gi_jax.predict.screen import Screen

__all__ = ["Predictor", "Screen", "load_model"]
