"""What an experiment measures: rows of named numbers, and how they are picked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradwell.lab.spread import Spread, spread

Value = float | int | str | bool
Row = dict[str, Value]


def kept(row: Row) -> Row:
    """A row as it is kept: six significant digits, so that it is judged now by the numbers it will be judged by again."""
    return {name: float(f"{value:.6g}") if isinstance(value, float) else value for name, value in row.items()}


def pick(rows: Sequence[Row], **where: Value) -> list[Row]:
    """The rows that have these values."""
    return [row for row in rows if all(row.get(name) == value for name, value in where.items())]


def numbers(rows: Sequence[Row], name: str, **where: Value) -> list[float]:
    """The numbers of that name in the rows that have these values, in their order."""
    return [float(row[name]) for row in pick(rows, **where) if name in row]


def over_seeds(rows: Sequence[Row], number: Callable[[list[Row]], float]) -> Spread:
    """A number that is found from the rows of one seed, over all seeds."""
    seeds = dict.fromkeys(row["seed"] for row in rows)
    return spread([number(pick(rows, seed=seed)) for seed in seeds])


def last(rows: Sequence[Row], name: str, **where: Value) -> Spread:
    """The last number of that name in the rows that have these values, over all seeds."""
    return over_seeds(rows, lambda some: numbers(some, name, **where)[-1])
