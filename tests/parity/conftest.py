"""Compiling is nearly all that a recorded case costs."""

from __future__ import annotations

import jax
import pytest

from conversion.golden import COMPILE_QUICKLY


@pytest.fixture(autouse=True)
def compile_small_programs_quicker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Halves the compilation of programs of a few thousand operations, at the cost of their speed."""
    if jax.default_backend() == "cpu":
        if jax.__version_info__ < (0, 11):  # without this option since
            monkeypatch.setitem(COMPILE_QUICKLY, "xla_cpu_use_fusion_emitters", False)
        monkeypatch.setitem(COMPILE_QUICKLY, "xla_cpu_parallel_codegen_split_count", 1)
