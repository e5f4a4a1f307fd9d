"""The one exception for input a user can correct."""

from __future__ import annotations


class GiJaxError(ValueError):
    """Bad input, said in one sentence: what was found, where, what was expected, what to do.

    The command line prints the sentence and exits with code 2; library users see a `ValueError`.
    """
