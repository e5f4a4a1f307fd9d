"""What the C library keeps of freed memory."""

from __future__ import annotations

import ctypes


def return_heap() -> None:
    """Gives back to the system what compilation has freed: glibc keeps hundreds of MiB of it otherwise."""
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):  # not glibc
        return
