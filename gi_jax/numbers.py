"""Numbers as people write them, and nothing else that Python would take for one."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)


def plain_number(text: str) -> float | None:
    """The number a text is, None for any other text.

    A number has the digits 0 to 9, and may have a sign, a decimal point, an exponent and blanks around
    it. Python's `float` also takes `1_0`, `١`, `nan` and `inf`. A number too large for a float
    (`1e999`) is one all the same, and comes as an infinite one.
    """
    stripped = text.strip()
    return float(stripped) if _NUMBER.fullmatch(stripped) else None


def plain_integer(text: str) -> int | None:
    """The whole number a text is, None for any other text: a sign, the digits 0 to 9, blanks around them."""
    stripped = text.strip()
    # Python refuses to read more digits than this at all, and nobody means such a number.
    return int(stripped) if _WHOLE.fullmatch(stripped) and len(stripped) < 1000 else None
