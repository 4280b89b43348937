"""A model looked into, as one page that needs no network and no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gradwell.report.html import POLICY, STYLE
from gradwell.report.markup import definitions, e, figure, prose, section, table
from gradwell.report.words import count, number

Row = Mapping[str, Any]


def as_html(told: Row) -> str:
    """The page. told: what `Inspection.as_dict` of gradwell.nets gives."""
    layers = told["layers"]
    wired = [layer for layer in layers if layer["connections"] is not None]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{e(POLICY)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f"<title>{e('Gradwell: ' + told['model'])}</title><style>{STYLE}</style></head><body>{top(told)}<main>"
        f"{section('What each layer costs', figure('Layers', COSTS, costs(layers)))}"
        f"{section('How each layer is connected', figure('Weights', WIRES, wires(wired)) if wired else '')}"
        f"{section('Convolutions in several steps', figure('Chains', CHAINS, chains(told['bottlenecks'])) if told['bottlenecks'] else '')}"
        f"{section('Notes', '<ul>' + ''.join(f'<li>{prose(note)}</li>' for note in told['notes']) + '</ul>' if told['notes'] else '')}"
        "</main></body></html>\n")


COSTS = ("Parameters in brackets were counted above. FLOPs as torch counts them, for the whole batch: matrix products and convolutions, "
         "nothing elementwise. Bytes: of inputs and parameters, and of outputs. Sees: the part of the input that one unit depends on.")
WIRES = ("If dense: parameters of a fully connected layer between the same units. If local: with weights of its own for every position, "
         "step and call. Sharing: local / parameters. Sparsity: the share of possible connections that the layer does without.")
CHAINS = "Beside the plain convolution from the same input to the same output channels, with the same kernel."


def top(told: Row) -> str:
    """The model in a few facts."""
    totals = told["totals"]
    rows = (("Input", e(", ".join(map(size, told["inputs"])) or "nothing")), ("Trainable", e(number(totals["trainable"]))),
            ("Frozen", e(number(totals["frozen"]))), ("Parameters take", e(f"{totals['parameter_bytes']:,} bytes")),
            ("Layers read", e(f"{totals['read']:,} bytes")), ("Layers write", e(f"{totals['written']:,} bytes")))
    return (f'<header class="top note"><div><p class="brand">gradwell <code>{e(told["model"])}</code></p>'
            f"<h1>{e(count(totals['parameters'], 'parameter'))}</h1>"
            f'<p class="lead">{e(count(totals["flops"], "FLOP"))} in one forward pass.</p>{definitions(rows, "run")}</div></header>')


def costs(layers: Sequence[Row]) -> str:
    """Shapes, parameters, arithmetic and memory."""
    head = ("layer", "type", "output", "parameters", "FLOPs", "bytes read", "bytes written", "FLOPs / byte", "sees")
    return table(head, (
        [name(row), e(row["type"] + (f" (x{row['calls']})" if row["calls"] > 1 else "")),
         e(size(row["output_shape"]) if row["calls"] else "not called"), held(row), whole(row["flops"]), whole(row["read"]),
         whole(row["written"]), some(row["intensity"]), e(size(row["receptive_field"]))] for row in layers), "data")


def wires(layers: Sequence[Row]) -> str:
    """What the weights connect."""
    timed = any(row["steps"] for row in layers)
    head = ("layer", "parameters", "if dense", "if local", "sharing", "connections", "sparsity", *(["steps of time"] if timed else []))
    return table(head, (
        [name(row), held(row), whole(row["dense_parameters"]), whole(row["local_parameters"]), some(row["sharing"]),
         whole(row["connections"]), f"{100 * row['sparsity']:.6g} %", *([whole(row["steps"])] if timed else [])]
        for row in layers), "data")


def chains(rows: Sequence[Row]) -> str:
    """Bottlenecks and what they save."""
    head = ("chain", "kind", "channels", "parameters", "if plain", "saving", "FLOPs", "if plain", "saving")
    return table(head, (
        [" &gt; ".join(f"<code>{e(path)}</code>" for path in row["paths"]), e(row["kind"]), e(" > ".join(map(str, row["channels"]))),
         whole(row["parameters"]), whole(row["plain_parameters"]), some(row["parameter_saving"]), whole(row["flops"]),
         whole(row["plain_flops"]), some(row["flop_saving"])] for row in rows), "data")


def name(row: Row) -> str:
    """The path of a layer."""
    return f"<code>{e(row['path'])}</code>" if row["path"] else "<i>the model itself</i>"


def held(row: Row) -> str:
    """Parameters; in brackets those that were counted above."""
    return f"({row['parameters']:,})" if row["repeated"] and row["repeated"] == row["parameters"] else f"{row['parameters']:,}"


def whole(value: int | None) -> str:
    """A count in full."""
    return "-" if value is None else f"{value:,}"


def some(value: float | None) -> str:
    """A ratio."""
    return "-" if value is None else number(value)


def size(shape: Sequence[int] | None) -> str:
    """A shape as 1x28x28."""
    return "-" if shape is None else "x".join(map(str, shape)) or "scalar"
