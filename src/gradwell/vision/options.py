"""What an image classifier is made of and how it is trained."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Annotated, Any

from gradwell.errors import OptionError

NETWORKS = ("compact", "mlp")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")


@dataclass(frozen=True)
class Options:
    """The choices of one training; the defaults suit some ten thousand small images."""

    # what is looked at
    size: Annotated[int, "pixels a side that every image is scaled to; 0 takes them as they are"] = 0
    channels: Annotated[int, "1 for grey, 3 for colour; 0 takes them as they are"] = 0
    # the network
    network: Annotated[str, "compact (convolutions with bottlenecks) or mlp (no convolutions)"] = "compact"
    width: Annotated[int, "channels of the first stage; each later one has so many more; an mlp has eight times as many units"] = 32
    dropout: Annotated[float, "share, before the last layer"] = 0.1
    # what is done to training images
    flip: Annotated[bool, "mirror half of the images, and judge each both ways: not where left and right differ, as in digits"] = False
    shift: Annotated[float, "share of the side by which images are moved, at most"] = 0.07
    erase: Annotated[float, "share of the images in which a rectangle is blotted out (Zhong et al. 2017)"] = 0.25
    # training
    epochs: Annotated[int, "times through the images, at most"] = 16
    batch: Annotated[int, "images"] = 128
    lr: Annotated[float, "AdamW's step, at its height"] = 4e-3
    warmup: Annotated[float, "share of the training until the rate is full"] = 0.2
    weight_decay: Annotated[float, "of AdamW"] = 0.02
    label_smoothing: Annotated[float, "share of each answer given to all classes"] = 0.05
    patience: Annotated[int, "epochs without a better accuracy"] = 8
    precision: Annotated[str, "32-true, bf16-mixed or 16-mixed"] = "32-true"
    seed: Annotated[int, "of all that is random"] = 0

    def __post_init__(self) -> None:
        """Complain about what is not possible."""
        for name, given, possible in (
            ("network", self.network, NETWORKS), ("precision", self.precision, PRECISIONS), ("channels", self.channels, (0, 1, 3)),
        ):
            if given not in possible:
                raise OptionError(f"{name} is {given!r}; it can be {', '.join(map(str, possible))}")
        for name, least in (("size", 0), ("width", 2), ("epochs", 1), ("batch", 2), ("patience", 1)):
            if getattr(self, name) < least:
                raise OptionError(f"{name} is {getattr(self, name)}; it must be {least} or more")
        for name in ("dropout", "shift", "erase", "label_smoothing", "warmup"):
            if not 0 <= getattr(self, name) <= 1 or (name in ("dropout", "label_smoothing", "shift") and getattr(self, name) == 1):
                raise OptionError(f"{name} is {getattr(self, name)}; it must lie between 0 and 1")
        if not 0 < self.lr < float("inf"):
            raise OptionError(f"lr is {self.lr}; it must be more than 0")
        if not 0 <= self.weight_decay < float("inf"):
            raise OptionError(f"weight_decay is {self.weight_decay}; it must be 0 or more")

    def with_(self, **changes: Any) -> Options:
        """The same but for some options."""
        known = [field.name for field in fields(self)]
        for name in changes:
            if name not in known:
                raise OptionError(f"an image classifier has no option {name!r}; its options are {', '.join(known)}")
        return replace(self, **changes)

    def as_dict(self) -> dict[str, Any]:
        """The options as plain values."""
        return asdict(self)
