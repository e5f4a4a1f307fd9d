"""Results as tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Row = dict[str, Any]


def comparison(rows: Sequence[Row]) -> str:
    """Engines beside each other for one case, batch and mode; ratios are to this project."""
    own = next((row for row in rows if row["engine"] == "gi_jax" and "median" in row), None)
    header = (
        "engine", "median s", "range", "n", "times gi_jax", "peak MiB", "times", "device MiB",
        "to device per batch", "host prepares s", "compile s", "traces", "values differ by",
    )  # fmt: skip
    lines = []
    for row in rows:
        if "failed" in row:
            lines.append((row["engine"], row["failed"], *[""] * (len(header) - 2)))
            continue
        seconds, device = row["seconds"], row["device_peak_bytes"]
        lines.append(
            (
                row["engine"] + (f" (remat {row['remat']})" if row.get("remat", "none") != "none" else ""),
                f"{row['median']:.4g}",
                f"{min(seconds):.3g} to {max(seconds):.3g}",
                str(len(seconds)),
                _ratio(row["median"], own and own["median"]),
                f"{row['peak_bytes'] / 2**20:,.0f}",
                _ratio(row["peak_bytes"], own and own["peak_bytes"]),
                "" if device is None else f"{device / 2**20:,.0f}",
                size(row["moved_bytes"]),
                f"{row['prepare_seconds']:.3g}",
                _compile(row),
                str(row["traces"]),
                _difference(row, own),
            )
        )
    first = rows[0]
    local = "on" if first["local"] else "off"
    title = f"{first['case']}, batch {first['batch']}, {MODE_NAMES[first['mode']]}, local predictor {local}"
    few = [row["engine"] for row in rows if len(row.get("seconds", "12345")) < 5]
    note = f"\nFewer than 5 repetitions, each longer than 30 s: {', '.join(few)}." if few else ""
    return f"### {title}\n\n{markdown(header, lines)}{note}"


MODE_NAMES = {"forward": "forward", "backward": "forward and backward", "step": "full step"}


def operation_classes(row: Row) -> str:
    """Measured time beside its floor, by class."""
    title = f"### {row['case']}, batch {row['batch']}: operation classes, forward and backward"
    if "failed" in row:
        return f"{title}\n\n{row['failed']}"
    rate, bandwidth = row["operations_per_second"], row["bytes_per_second"]
    lines = []
    for c in row["classes"]:
        by_operations, by_bytes = c["operations"] / rate, c["bytes"] / bandwidth
        lines.append(
            (
                c["name"],
                f"{1e3 * c['seconds']:.4g}",
                f"{1e3 * by_operations:.3g}",
                f"{1e3 * by_bytes:.3g}",
                f"{c['seconds'] / max(by_operations, by_bytes):.2g}",
            )
        )
    total = sum(c["seconds"] for c in row["classes"])
    lines.append(("together", f"{1e3 * total:.4g}", "", "", ""))
    header = ("class", "measured ms", "floor by operations ms", "floor by bytes ms", "times the floor")
    limits = f"Ceilings: {rate / 1e9:,.0f} Gflop/s, {bandwidth / 1e9:,.1f} GB/s ({row['device']})."
    return f"{title}\n\n{limits}\n\n{markdown(header, lines)}"


def marginal(rows: Iterable[Row]) -> str:
    """Seconds per extra genotype, `(t(B2) - t(B1)) / (B2 - B1)` over the batches that each engine managed.

    The widest span of an engine is the least disturbed by noise, so ratios are between those.
    """
    rows = [row for row in rows if "median" in row]
    lines = []
    for mode in dict.fromkeys(row["mode"] for row in rows):
        own = None
        for engine in dict.fromkeys(row["engine"] for row in rows):
            same = [row for row in rows if (row["engine"], row["mode"]) == (engine, mode)]
            found = sorted((row["batch"], row["median"]) for row in same)
            if len(found) < 2:
                continue
            (b1, t1), (b2, t2) = found[0], found[-1]
            cost = (t2 - t1) / (b2 - b1)
            own = cost if engine == "gi_jax" else own
            ratio = _ratio(cost, own if own and own > 0 else None)
            lines.append((MODE_NAMES[mode], engine, f"{b1} to {b2}", f"{1e3 * cost:.4g}", ratio))
    header = ("", "engine", "batch", "ms per extra genotype", "times gi_jax")
    return f"### one_layer: cost of one more genotype\n\n{markdown(header, lines)}"


def slopes(rows: Sequence[tuple[str, str, float, float]]) -> str:
    """Args: rows: quantity, range, growth of the quantity, growth of the time."""
    header = ("quantity", "from, to", "grows by", "time grows by")
    lines = [(name, span, f"{growth:.3g}", f"{time:.3g}") for name, span, growth, time in rows]
    return f"### sum: how the time of forward and backward grows\n\n{markdown(header, lines)}"


def profiles(rows: Sequence[Row]) -> str:
    """Parameters by component, operations and time of the profiles beside each other."""
    rows = [row for row in rows if "median" in row]
    components = dict.fromkeys(name for row in rows for name in row["parameters"])
    lines = [(name, *(f"{row['parameters'].get(name, 0):,}" for row in rows)) for name in components]
    lines.append(("operations the compiler counts", *(f"{row['compiler_operations']:.4g}" for row in rows)))
    lines.append(("median s", *(f"{row['median']:.4g}" for row in rows)))
    header = ("", *(f"{row['case']}, batch {row['batch']}, {MODE_NAMES[row['mode']]}" for row in rows))
    return f"### profiles\n\n{markdown(header, lines)}"


def screens(rows: Sequence[Row]) -> str:
    """Rates of screens beside plain predictions."""
    header = (
        "",
        "screen, pairs per s",
        "plain",
        "times",
        "all pairs of the genes at this rate, min",
        "peak MiB",
    )
    lines = []
    for row in rows:
        if "failed" in row:
            lines.append((row["config"], row["failed"], *[""] * (len(header) - 2)))
            continue
        rate, plain, n = row["pairs_per_second"], row["plain_per_second"], row["genes"]
        minutes, peak = n * (n - 1) / 2 / rate / 60, row["peak_bytes"] / 2**20
        numbers = (f"{rate:,.0f}", f"{plain:,.0f}", _ratio(rate, plain), f"{minutes:.2g}", f"{peak:,.0f}")
        lines.append((row["config"], *numbers))
    return f"### screens\n\n{markdown(header, lines)}"


def markdown(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    table = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in table)


def size(count: int) -> str:
    return f"{count:,} B" if count < 10_000 else f"{count / 1e6:,.3g} MB"


def _ratio(value: float, base: float | None) -> str:
    return "" if not base else f"{value / base:.3g}"


def _compile(row: Row) -> str:
    traced = row["trace_seconds"]
    return f"{row['compile_seconds']:.3g}" + ("" if traced is None else f" (and {traced:.2g} tracing)")


def _difference(row: Row, own: Row | None) -> str:
    """Largest difference of predictions over the largest, of loss and gradient norm over themselves."""
    if own is None or row is own or not row["values"]:
        return ""
    batch, expected = row["batch"], own["values"]
    scales = [max(map(abs, expected[:batch]))] * batch + [abs(value) for value in expected[batch:]]
    differences = zip(row["values"], expected, scales, strict=True)
    return f"{max(abs(a - b) / scale for a, b, scale in differences):.1e}"
