"""datatrove's two fastText filters with Gradwell's engine, many documents at a time.

`FastTextClassifierFilter` and `LanguageFilter` take the arguments of datatrove's own and give its answers; the model is
a file on this machine, mapped into memory where it is .safetensors, and neither fasttext nor fasteners is needed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from gradwell.errors import DependencyError, OptionError
from gradwell.text.FastText import _FastText, load_model

try:
    from datatrove.pipeline.filters.base_filter import BaseFilter
    from datatrove.utils.text import SPLIT_TEXT_DOCUMENTS, split_into_parts
except ImportError as error:
    raise DependencyError("filters for datatrove need datatrove; install it with `pip install 'gradwell[datatrove]'`") from error

BATCH = 256  # documents at a time
PREFIX = "__label__"
Wanted = tuple[str, float] | Sequence[tuple[str, float]] | None


class ModelFilter(BaseFilter):  # type: ignore[misc]
    """A filter that asks a model, which each process loads when it has its first documents."""

    def __init__(self, model_url: str | os.PathLike[str], exclusion_writer: Any, batch_size: int) -> None:
        super().__init__(exclusion_writer, batch_size)
        self.model_url = model_url

    @cached_property
    def model(self) -> _FastText:
        """The model."""
        model = load_model(self.model_url)
        model.model.options = replace(model.model.options, thread=1)  # a pipeline has a process for each processor
        self.check(model)
        return model

    def check(self, model: _FastText) -> None:
        """Complain of a model that cannot serve."""

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "model"}

    def filter(self, doc: Any) -> bool:
        """Whether to keep a document."""
        return self.filter_batch([doc])[0]

    def filter_batch(self, batch: list[Any]) -> list[bool]:
        """Whether to keep each document."""
        raise NotImplementedError


class FastTextClassifierFilter(ModelFilter):
    """Keeps documents that have one of `keep_labels`, or none of `remove_labels`, with at least the score beside it.

    Labels stand without `__label__`. Where neither is given, documents are only annotated. filter_mode: what is
    classified and kept or removed: whole documents, paragraphs or sentences. See datatrove's filter of the same name.
    """

    name = "🤖 fastText (Gradwell)"

    def __init__(
        self, model_url: str | os.PathLike[str], keep_labels: Wanted = None, remove_labels: Wanted = None,
        save_labels_in_metadata: bool = True, exclusion_writer: Any = None, newline_replacement: str = "",
        filter_mode: str = SPLIT_TEXT_DOCUMENTS, batch_size: int = BATCH,
    ) -> None:
        super().__init__(model_url, exclusion_writer, batch_size)
        if keep_labels and remove_labels:
            raise OptionError("keep_labels and remove_labels were both given; a filter takes one of them")
        self.keep_labels, self.remove_labels = pairs(keep_labels), pairs(remove_labels)
        self.save_labels_in_metadata = save_labels_in_metadata
        self.newline_replacement, self.filter_mode = newline_replacement, filter_mode

    def check(self, model: _FastText) -> None:
        """Complain of a model that lacks a label to look for."""
        for label, _ in self.keep_labels + self.remove_labels:
            if PREFIX + label not in model.labels:
                known = ", ".join(name.removeprefix(PREFIX) for name in model.labels[:20])
                raise OptionError(f"{label!r} is not a label of {self.model_url}; it has {len(model.labels)}, such as {known}")

    def filter_batch(self, batch: list[Any]) -> list[bool]:
        """Whether to keep each document; its text becomes what is kept of it, its metadata the mean scores of its parts."""
        parts = [split_into_parts(doc.text, mode=self.filter_mode) for doc in batch]
        lines = [part.strip().replace("\n", self.newline_replacement) for of_doc in parts for part in of_doc]
        answers = zip(*self.model.predict(lines, k=-1), strict=True)
        kept = []
        for doc, of_doc in zip(batch, parts, strict=True):
            found = [dict(zip(labels, scores.tolist(), strict=True)) for _, (labels, scores) in zip(of_doc, answers, strict=False)]
            good = [self.keeps(scores) for scores in found]
            for one in good:
                self.stat_update("kept_span" if one else "removed_span")
            doc.text = "".join(part for part, one in zip(of_doc, good, strict=True) if one)
            if self.save_labels_in_metadata:
                doc.metadata.update(means(found))
            kept.append(bool(doc.text.strip()))
        return kept

    def keeps(self, scores: dict[str, float]) -> bool:
        """Whether a part with these scores is kept."""
        if self.keep_labels:
            return any(scores.get(PREFIX + label, -1.0) >= least for label, least in self.keep_labels)
        return not any(scores.get(PREFIX + label, -1.0) >= least for label, least in self.remove_labels)


class LanguageFilter(ModelFilter):
    """Keeps documents in one of `languages` (None: in any) whose score is above `language_threshold`.

    backend: how labels are written, `en` (ft176) or `eng_Latn` (glotlid). label_only: every document is kept, and only
    annotated. keep_top_pairs_threshold: note every language with a higher score; -1: none. See datatrove's filter of the same name.
    """

    name = "🌍 Language ID (Gradwell)"

    def __init__(
        self, model_url: str | os.PathLike[str], languages: Sequence[str] | str | None = None, language_threshold: float = 0.65,
        exclusion_writer: Any = None, backend: str = "ft176", label_only: bool = False, keep_top_pairs_threshold: float = -1,
        batch_size: int = BATCH,
    ) -> None:
        super().__init__(model_url, exclusion_writer, batch_size)
        if backend not in ("ft176", "glotlid"):
            raise OptionError(f"backend is {backend!r}; it can be ft176 or glotlid")
        self.languages = [languages] if isinstance(languages, str) else languages
        self.language_threshold, self.backend, self.label_only = language_threshold, backend, label_only
        self.keep_top_pairs_threshold = keep_top_pairs_threshold

    def filter_batch(self, batch: list[Any]) -> list[bool]:
        """Whether to keep each document; its metadata gets the language and the score."""
        k = -1 if self.languages or self.keep_top_pairs_threshold != -1 else 1
        answers = self.model.predict([doc.text.replace("\n", " ") for doc in batch], k=k)
        return [self.judged(doc, labels, scores.tolist()) for doc, labels, scores in zip(batch, *answers, strict=True)]

    def judged(self, doc: Any, labels: list[str], values: list[float]) -> bool:
        """Note what a document's language is; whether to keep it."""
        scores = {label.removeprefix(PREFIX): value for label, value in zip(labels, values, strict=True)}
        if not scores:  # nothing to tell it by
            return self.label_only
        language, score = next(iter(scores.items()))
        if self.backend == "glotlid":
            language, doc.metadata["language_script"] = language.split("_")
        doc.metadata |= {"language": language, "language_score": score}
        asked = scores if self.languages is None else {name: scores.get(name, 0.0) for name in self.languages}
        if self.keep_top_pairs_threshold != -1:
            above = {name: value for name, value in asked.items() if value > self.keep_top_pairs_threshold}
            doc.metadata |= {f"top_language_{name}_score": value for name, value in above.items()}
        return self.label_only or any(value > self.language_threshold for value in asked.values())


def pairs(given: Wanted) -> list[tuple[str, float]]:
    """Labels and least scores as a list, which may have been given as one pair."""
    if not given:
        return []
    return [given] if isinstance(given[0], str) else list(given)  # type: ignore[list-item, arg-type]


def means(found: Iterable[dict[str, float]]) -> dict[str, float]:
    """The mean score of each label over the parts that have it."""
    values: dict[str, list[float]] = {}
    for scores in found:
        for label, value in scores.items():
            values.setdefault(label, []).append(value)
    return {label: float(np.mean(of_label)) for label, of_label in values.items()}
