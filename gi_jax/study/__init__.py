"""The accuracy study: every model on every dataset, split and seed, beside the baselines."""

from gi_jax.study.cells import Cell, State, plan_cells, select_cells
from gi_jax.study.report import write_report
from gi_jax.study.results import Result, read_results
from gi_jax.study.run import run_study

__all__ = [
    "Cell",
    "Result",
    "State",
    "plan_cells",
    "read_results",
    "run_study",
    "select_cells",
    "write_report",
]
