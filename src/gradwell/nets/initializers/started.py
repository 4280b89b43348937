"""What an initialisation did, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass

from gradwell.nets.aligned import aligned


@dataclass(frozen=True)
class Start:
    """How one layer begins.

    activation: what feeds it, "" for none. gain: what the scheme's standard deviation was multiplied by for it. std: standard deviation
    of the weights. variance: that of the layer's outputs on the batch, where there was one to measure it on.
    """

    name: str
    layer: str
    scheme: str
    activation: str
    fan_in: float
    fan_out: float
    gain: float
    std: float
    variance: float | None = None


@dataclass(frozen=True)
class Started:
    """The layers that were initialised, the layers that the batch never reached, and other weights, which were left; prints as a table."""

    layers: tuple[Start, ...]
    unreached: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Start:
        """One layer by its path in the model."""
        return {one.name: one for one in self.layers}[name]

    def __str__(self) -> str:
        rows = [("layer", "", "scheme", "fed by", "fan-in", "fan-out", "gain", "std", "variance")]
        for one in self.layers:
            variance = "" if one.variance is None else f"{one.variance:.3f}"
            rows.append((one.name or "model", one.layer, one.scheme, one.activation or "-", f"{one.fan_in:g}", f"{one.fan_out:g}",
                         f"{one.gain:.3g}", f"{one.std:.3g}", variance))
        lines = aligned(rows, 4)
        if self.unreached:
            lines.append(f"not reached, left as they were: {', '.join(self.unreached)}")
        if self.left:
            lines.append(f"no linear or convolutional layer's, left as they were: {', '.join(self.left)}")
        return "\n".join(lines)
