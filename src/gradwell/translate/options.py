"""What a translator is made of and how it is trained."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Annotated, Any

from gradwell.errors import OptionError

CELLS = ("gru", "lstm")
UNITS = ("subwords", "characters")
NONE = "none"
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")


@dataclass(frozen=True)
class Options:
    """The choices of one training; the defaults suit some ten thousand short pairs."""

    # what sentences are cut into
    source_units: Annotated[str, "subwords or characters"] = "subwords"
    target_units: Annotated[str, "subwords or characters"] = "subwords"
    vocabulary: Annotated[int, "subwords, at most"] = 4000
    shared_vocabulary: Annotated[bool, "one vocabulary and one embedding for both languages"] = True
    lowercase: Annotated[bool, "forget capital letters"] = False
    # the network
    cell: Annotated[str, "gru or lstm"] = "gru"
    attention: Annotated[str, "a kind of attention, or none for a fixed vector"] = "additive"
    embedding: Annotated[int, "numbers a token"] = 256
    hidden: Annotated[int, "units of the decoder; each direction of the encoder has half"] = 512
    encoder_layers: Annotated[int, "layers"] = 1
    decoder_layers: Annotated[int, "layers"] = 1
    input_feeding: Annotated[bool, "tell each step what the last one attended to (Luong et al. 2015)"] = True
    dropout: Annotated[float, "share"] = 0.3
    # training
    epochs: Annotated[int, "times through the pairs, at most"] = 15
    batch_tokens: Annotated[int, "target tokens a batch, padding included"] = 2500
    longest: Annotated[int, "tokens; longer pairs are left out of training"] = 100
    lr: Annotated[float, "Adam's step"] = 1e-3
    warmup: Annotated[int, "steps until the rate is full"] = 200
    label_smoothing: Annotated[float, "share of the target given to all tokens"] = 0.1
    teacher_forcing: Annotated[float, "share of the true tokens that the last epoch is fed; from 1 in the first, on a line"] = 1.0
    clip: Annotated[float, "largest norm of the gradient"] = 1.0
    patience: Annotated[int, "epochs without a better BLEU"] = 4
    average: Annotated[int, "best epochs whose weights are averaged"] = 3
    precision: Annotated[str, "32-true, bf16-mixed or 16-mixed"] = "32-true"
    seed: Annotated[int, "of all that is random"] = 0

    def __post_init__(self) -> None:
        """Complain about what is not possible."""
        from gradwell.nets.attention import KINDS

        for name, given, possible in (
            ("source_units", self.source_units, UNITS), ("target_units", self.target_units, UNITS), ("cell", self.cell, CELLS),
            ("attention", self.attention, (NONE, *KINDS)), ("precision", self.precision, PRECISIONS),
        ):
            if given not in possible:
                raise OptionError(f"{name} is {given!r}; it can be {', '.join(possible)}")
        for name, least in (
            ("vocabulary", 8), ("embedding", 1), ("hidden", 2), ("encoder_layers", 1), ("decoder_layers", 1), ("epochs", 1),
            ("batch_tokens", 1), ("longest", 1), ("warmup", 0), ("patience", 1), ("average", 1),
        ):
            if getattr(self, name) < least:
                raise OptionError(f"{name} is {getattr(self, name)}; it must be {least} or more")
        for name in ("dropout", "label_smoothing", "teacher_forcing"):
            if not 0 <= getattr(self, name) <= 1 or (name != "teacher_forcing" and getattr(self, name) == 1):
                raise OptionError(f"{name} is {getattr(self, name)}; it must lie between 0 and 1")
        for name in ("lr", "clip"):
            if not 0 < getattr(self, name) < float("inf"):
                raise OptionError(f"{name} is {getattr(self, name)}; it must be more than 0")
        if self.hidden % 2:
            raise OptionError(f"hidden is {self.hidden}; it must be even, as each direction of the encoder has half of it")

    @property
    def one_vocabulary(self) -> bool:
        """Whether both languages share vocabulary and embedding."""
        return self.shared_vocabulary and self.source_units == self.target_units

    def with_(self, **changes: Any) -> Options:
        """The same but for some options."""
        known = [field.name for field in fields(self)]
        for name in changes:
            if name not in known:
                raise OptionError(f"a translator has no option {name!r}; its options are {', '.join(known)}")
        return replace(self, **changes)

    def as_dict(self) -> dict[str, Any]:
        """The options as plain values."""
        return asdict(self)
