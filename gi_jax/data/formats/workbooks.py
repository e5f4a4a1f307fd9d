"""Excel workbooks as tab-separated text, so that every reader of tables reads them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path

from gi_jax.errors import GiJaxError

ZIP = b"PK\x03\x04"


def workbook_text(path: Path) -> bytes:
    """The one sheet of a workbook that is not empty: a line for each row, tabs between the cells.

    Raises:
      GiJaxError: it is no workbook but another zip archive, it is damaged, or several sheets have content.
    """
    import python_calamine  # pyright: ignore[reportMissingModuleSource]

    try:
        workbook = python_calamine.CalamineWorkbook.from_path(str(path))
        sheets = {name: workbook.get_sheet_by_name(name).to_python() for name in workbook.sheet_names}
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0][:150]
        raise GiJaxError(
            f"{path}: is a zip archive, but no Excel workbook that can be read ({reason}); unpack it, or "
            "save the sheet as tab-separated text"
        ) from None
    filled = [name for name, rows in sheets.items() if rows]
    if len(filled) != 1:
        what = f"has {len(filled)} sheets with content ({', '.join(filled)[:200]})" if filled else "is empty"
        raise GiJaxError(f"{path}: {what}; save the sheet that is meant as a file of its own")
    rows = sheets[filled[0]]
    width = max(map(len, rows))
    lines = ("\t".join([*map(_cell, row), *[""] * (width - len(row))]) if any(row) else "" for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()


def _cell(value: object) -> str:
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime | date | time | timedelta):
        return str(value)
    return " ".join(str(value).split("\t")).replace("\n", " ").replace("\r", " ")
