"""Who is ahead where: the table a study's page begins with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.study.results import Result, at_the_top
from gi_jax.study.run import training_numbers
from gi_jax.study.summary import best, difference, summary


def results(*pearsons: float | None) -> list[Result | None]:
    return [None if value is None else Result(value, 0.0, 1.0, None) for value in pearsons]


BLOCK = {
    "additive": results(0.2, 0.3, 0.25),
    "low_rank": results(0.5, 0.6, 0.55),
    "concat": results(0.4, 0.5, None),
    "pair_kernel_all": results(0.54, 0.62, 0.61),
    "planned_only": results(None, None, None),
}


def test_the_best_of_each_kind_is_compared_seed_by_seed() -> None:
    ours, theirs = best(BLOCK, baseline=False), best(BLOCK, baseline=True)
    assert ours is not None and theirs is not None
    assert (ours.row, theirs.row) == ("pair_kernel_all", "low_rank")
    found = difference(BLOCK, ours.row, theirs.row)
    assert found is not None and found.seeds == 3
    assert found.mean == pytest.approx(0.04) and found.deviation == pytest.approx(0.02)
    assert str(found) == "+0.040 ± 0.020" and found.verdict == "ahead, 2.0 times the spread"
    behind = difference(BLOCK, "concat", "low_rank")
    assert behind is not None and behind.seeds == 2 and behind.verdict.startswith("behind")
    assert difference(BLOCK, "planned_only", "low_rank") is None


def test_the_table_has_a_row_where_there_is_something_to_compare() -> None:
    blocks = {
        "a, random split": BLOCK,
        "b, random split": {"additive": results(0.1), "concat": results(None)},
    }
    header, rows = summary(blocks)
    assert len(rows) == 1 and len(rows[0]) == len(header)
    assert rows[0][:5] == ("a, random split", "low rank", "0.550", "pair kernel all", "0.590")


def test_one_seed_or_less_than_the_spread_is_no_lead() -> None:
    one = {"additive": results(0.2), "concat": results(0.3)}
    found = difference(one, "concat", "additive")
    assert found is not None and found.verdict == "one seed" and str(found) == "+0.100"
    level = {"additive": results(0.2, 0.3), "concat": results(0.3, 0.25)}
    found = difference(level, "concat", "additive")
    assert found is not None and found.verdict == "within the spread"


def test_a_solved_model_has_its_numbers_in_one_record(tmp_path: Path) -> None:
    record = {"kind": "fit", "step": 0, "chosen": "strength 3", "seconds": 2.5, "val_pearson": 0.4}
    (tmp_path / "metrics.jsonl").write_text(json.dumps(record) + "\n")
    assert training_numbers(tmp_path / "metrics.jsonl") == {
        "val_pearson": 0.4,
        "seconds": 2.5,
        "chosen": "strength 3",
    }


def test_the_top_of_the_list_by_hand() -> None:
    scores = np.array([-3.0, -2.6, 0.0, 2.5])
    nothing, zeros = np.full(4, np.nan), np.zeros(4, np.int32)
    table = GenotypeTable(np.zeros((4, 1), np.int32), zeros + 1, scores, nothing, zeros, ("collins2007",), 5)
    found = at_the_top(table, np.array([-1.0, 0.5, 0.2, 0.9]))
    # Two strong negatives at places 1 and 3 of the list: (1/1 + 2/3) / 2.
    assert found["negative_precision"] == pytest.approx(5 / 6)
    assert found["positive_precision"] == 1.0 and found["negative_enrichment"] == 1.0
    assert at_the_top(table, np.zeros(4))["negative_precision"] is None
