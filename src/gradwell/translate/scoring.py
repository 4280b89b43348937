"""How good translations are: BLEU (Papineni et al. 2002) and chrF (Popović 2015), as sacrebleu counts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradwell.errors import DataError, OptionError
from gradwell.translate.needs import sacrebleu

TOKENIZERS = ("13a", "intl", "zh", "ja-mecab", "ko-mecab", "char", "none")


@dataclass(frozen=True)
class Score:
    """A measure of translations, 0 to 100."""

    name: str
    score: float
    signature: str  # how it was counted: only equal ones can be compared
    details: str

    def __str__(self) -> str:
        return f"{self.name} {self.score:.2f}  {self.signature}"


def bleu(said: Sequence[str], wanted: Sequence[str], lowercase: bool = False, tokenize: str = "13a", short: bool = False) -> Score:
    """How many word sequences of one to four words are right; with `short`, of as many as there are in the longest sentence."""
    if tokenize not in TOKENIZERS:
        raise OptionError(f"tokenize is {tokenize!r}; it can be {', '.join(TOKENIZERS)}")
    metric = sacrebleu().BLEU(lowercase=lowercase, tokenize=tokenize, force=True, effective_order=short)
    return measured("BLEU", metric, said, wanted)


def chrf(said: Sequence[str], wanted: Sequence[str]) -> Score:
    """How many character sequences are right."""
    return measured("chrF", sacrebleu().CHRF(), said, wanted)


def measured(name: str, metric: object, said: Sequence[str], wanted: Sequence[str]) -> Score:
    """A measure of translations that are as many as what was wanted."""
    if len(said) != len(wanted):
        raise DataError(f"there are {len(said):,} translations and {len(wanted):,} references; there must be one for each")
    if not said:
        raise DataError("there are no translations to measure")
    result = metric.corpus_score(list(said), [list(wanted)])  # type: ignore[attr-defined]
    return Score(name, float(result.score), str(metric.get_signature()), str(result))  # type: ignore[attr-defined]
