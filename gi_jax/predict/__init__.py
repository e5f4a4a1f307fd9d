"""Trained models at work: loading, predicting, sharing."""

from gi_jax.predict.bundle import ModelBundle, load_bundle, save_bundle
from gi_jax.predict.predictor import Predictor, load_model
from gi_jax.predict.screen import Screen

__all__ = ["ModelBundle", "Predictor", "Screen", "load_bundle", "load_model", "save_bundle"]
