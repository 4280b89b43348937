"""An inspection as tables of text, for a terminal or a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
Column = tuple[str, Callable[[Row], str]]
LEAST = 14  # characters that are left of a path
LEFT = ("layer", "type", "chain")  # columns that begin at the left


def as_text(told: Mapping[str, Any], *, width: int = 100) -> str:
    """What `Inspection.as_dict` gives, as text that is no wider than `width`; columns that have no room are named."""
    layers, totals = told["layers"], told["totals"]
    wired = [layer for layer in layers if layer["connections"] is not None]
    sums = {"path": "total", "type": "", "calls": 1, "output_shape": None, "receptive_field": None, "parameters": totals["parameters"],
            "repeated": 0, "flops": totals["flops"], "read": totals["read"], "written": totals["written"],
            "intensity": totals["flops"] / max(1, totals["read"] + totals["written"])}
    shapes = ", ".join(size(shape) for shape in told["inputs"]) or "nothing"
    parts = [
        f"{told['model']}, run on {shapes} (batch {told['batch']})\n"
        f"{totals['parameters']:,} parameters, {totals['trainable']:,} trainable, {totals['frozen']:,} frozen\n"
        f"{totals['flops']:,} FLOPs",
        table([*layers, sums], COST, width, ruled=True),
    ]
    if wired:
        parts.append(table(wired, WIRES, width))
    if told["bottlenecks"]:
        parts.append(table(told["bottlenecks"], CHAINS, width))
    if told["notes"]:
        parts.append("\n".join(line for note in told["notes"] for line in wrapped(note, width)))
    return "\n\n".join(parts)


def table(rows: Sequence[Row], columns: Sequence[Column], width: int, ruled: bool = False) -> str:
    """Rows in aligned columns; where these are too wide paths are shortened first, and then columns left out from the right."""
    columns = [column for column in columns if column[0] in LEFT or any(column[1](row) not in ("-", "") for row in rows)]
    left: list[str] = []
    while True:
        cells = [[head for head, _ in columns], *([write(row) for _, write in columns] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        over = sum(widths) + 2 * (len(widths) - 1) - width
        if over <= max(0, widths[0] - LEAST) or len(columns) <= 2:
            widths[0] = max(min(widths[0], LEAST), widths[0] - max(0, over))
            break
        left.insert(0, columns[-1][0])
        columns = columns[:-1]
    lines = []
    for row in cells:
        texts = [short(row[0], widths[0]).ljust(widths[0])]
        for cell, n, (head, _) in zip(row[1:], widths[1:], columns[1:], strict=True):
            texts.append(cell.ljust(n) if head in LEFT else cell.rjust(n))
        lines.append("  ".join(texts).rstrip())
    if ruled:
        lines.insert(-1, "-" * max(map(len, lines)))
    if left:
        lines += wrapped(f"No room for: {', '.join(left)}.", width)
    return "\n".join(lines)


def short(path: str, most: int) -> str:
    """A path whose beginning is left out where it is too long."""
    return path if len(path) <= most else f"...{path[3 - most:]}"


def size(shape: Sequence[int] | None) -> str:
    """A shape as 1x28x28."""
    return "-" if shape is None else "x".join(map(str, shape)) or "scalar"


def brief(number: float | None) -> str:
    """A number with three digits and k, M, G, T or P for thousands."""
    if number is None:
        return "-"
    value, units = float(number), iter(("", "k", "M", "G", "T", "P"))
    unit = next(units)
    while abs(value) >= 999.5 and unit != "P":
        value, unit = value / 1000, next(units)
    return f"{value:.0f}{unit}" if abs(value) >= 99.95 or value == int(value) else f"{value:.3g}{unit}"


def percent(share: float | None) -> str:
    """A share in percent."""
    return "-" if share is None else "0 %" if share == 0 else f"{100 * share:.3g} %" if share <= 0.9995 else f"{100 * share:.4f} %"


def held(row: Row) -> str:
    """Parameters; in brackets those that were counted above."""
    return f"({row['parameters']:,})" if row["repeated"] and row["repeated"] == row["parameters"] else f"{row['parameters']:,}"


def named(row: Row) -> str:
    """The type of a layer, and how often it ran."""
    return f"{row['type']} (x{row['calls']})" if row["calls"] > 1 else str(row["type"])


def shared(row: Row) -> str:
    """How many places share a weight."""
    value = row["sharing"]
    return "-" if value is None else f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def output(row: Row) -> str:
    """The shape of a layer's output."""
    return size(row["output_shape"]) if row["calls"] else "not called"


def moved(row: Row) -> str:
    """Bytes read and written."""
    return "-" if row["read"] is None else brief(row["read"] + row["written"])


def chained(row: Row) -> str:
    """The paths of a chain, what they begin with alike only once: block: conv1 > conv2."""
    parts = [path.split(".") for path in row["paths"]]
    n = next((i for i, names in enumerate(zip(*parts, strict=False)) if len(set(names)) > 1), 0)
    return (f"{'.'.join(parts[0][:n])}: " if n else "") + " > ".join(".".join(names[n:]) for names in parts)


def wrapped(text: str, width: int) -> Iterator[str]:
    """A sentence in lines."""
    line = ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line


COST: tuple[Column, ...] = (
    ("layer", lambda row: row["path"] or "(model)"), ("type", named), ("output", output), ("parameters", held),
    ("FLOPs", lambda row: brief(row["flops"])), ("bytes", moved), ("sees", lambda row: size(row["receptive_field"])),
    ("FLOPs/byte", lambda row: brief(row["intensity"])))
WIRES: tuple[Column, ...] = (
    ("layer", lambda row: row["path"] or "(model)"), ("parameters", held), ("if dense", lambda row: brief(row["dense_parameters"])),
    ("if local", lambda row: brief(row["local_parameters"])), ("sharing", shared),
    ("connections", lambda row: brief(row["connections"])), ("sparsity", lambda row: percent(row["sparsity"])),
    ("steps", lambda row: brief(row["steps"])))
CHAINS: tuple[Column, ...] = (
    ("chain", chained), ("kind", lambda row: row["kind"]), ("parameters", lambda row: brief(row["parameters"])),
    ("if plain", lambda row: brief(row["plain_parameters"])), ("saving", lambda row: f"{row['parameter_saving']:.3g}x"),
    ("FLOPs", lambda row: brief(row["flops"])), ("if plain", lambda row: brief(row["plain_flops"])),
    ("saving", lambda row: f"{row['flop_saving']:.3g}x"))
