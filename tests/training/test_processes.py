"""What processes tell each other, between two real ones."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest

from gi_jax.errors import GiJaxError
from gi_jax.training.processes import start_processes
from tests.training.test_distributed import free_port

# Prints, as one line of JSON, what each function gave or which complaint it made.
PROCESS = """
import json, sys
import jax, numpy as np
from gi_jax.errors import GiJaxError
from gi_jax.training import processes as p
me = int(sys.argv[2])
p.start_processes("localhost:" + sys.argv[1], 2, me)
def complain():
    raise GiJaxError(f"process {me} complains")
def given(function, *arguments):
    try:
        return function(*arguments)
    except GiJaxError as error:
        return str(error)
print(json.dumps({
    "is_first": p.is_first(),
    "first_process": given(p.first_process, lambda: [me, None, float("nan"), "x" * 3000]),
    "first_fails": given(p.first_process, complain),
    "every_process": given(p.every_process, lambda: me),
    "second_fails": given(p.every_process, lambda: complain() if me else "well"),
    "alike": given(p.check_alike, "list", [1, 2.5]),
    "not_alike": given(p.check_alike, "number", me),
    "highest": p.highest(me, 7 - me, True),
    "from_first": jax.tree.map(np.asarray, p.from_first({"a": np.full(2, 5.0 + me)}))["a"].tolist(),
}))
"""


@pytest.fixture(scope="module")
def both() -> list[dict]:
    """What the two processes printed."""
    port = str(free_port())
    commands = [[sys.executable, "-c", PROCESS, port, str(process)] for process in (0, 1)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    processes = [subprocess.Popen(command, text=True, **pipes) for command in commands]
    try:
        ends = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], ends
    return [json.loads(out.splitlines()[-1]) for out, _ in ends]


def test_all_get_what_the_first_one_finds(both: list[dict]) -> None:
    assert [told["is_first"] for told in both] == [True, False]
    for told in both:
        number, nothing, not_a_number, text = told["first_process"]
        assert (number, nothing, math.isnan(not_a_number), text) == (0, None, True, "x" * 3000)
        assert told["from_first"] == [5.0, 5.0]
        assert told["highest"] == [1, 7, 1]
    assert [told["every_process"] for told in both] == [0, 1]


def test_a_failure_in_one_ends_all_with_a_sentence(both: list[dict]) -> None:
    assert [told["first_fails"] for told in both] == ["process 0 complains"] * 2
    assert both[1]["second_fails"] == "process 1 complains"
    assert both[0]["second_fails"] == "process 1 could not go on; see what it says"


def test_processes_that_differ_are_refused(both: list[dict]) -> None:
    for told in both:
        assert told["alike"] is None
        assert "process 1 has another number than process 0; start all" in told["not_alike"]


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ((None, 2, None), "--num-processes and --process-id say nothing without --coordinator HOST:PORT"),
        (("localhost:1", 2, None), "--coordinator needs --num-processes and --process-id"),
        (("localhost:1", 2, 2), "process 2 of 2 could not join the coordinator localhost:1"),
    ],
)
def test_an_address_that_cannot_be_is_refused(address: tuple, sentence: str) -> None:
    with pytest.raises(GiJaxError, match=sentence):
        start_processes(*address)
