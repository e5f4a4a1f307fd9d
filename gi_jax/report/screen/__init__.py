"""What a screen shows for itself: `screen.html`, and files for other programs and for the bench."""

from gi_jax.report.screen.outcome import outcome_of
from gi_jax.report.screen.page import Bench, write_screen_report

__all__ = ["Bench", "outcome_of", "write_screen_report"]
