"""What a run shows for itself: a picture, and a page with everything behind it."""

from gi_jax.report.page import write_page
from gi_jax.report.picture import plot_report

__all__ = ["plot_report", "write_page"]
