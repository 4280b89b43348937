"""NeMo Curator's two fastText filters with Gradwell's engine, and a stage that asks them for a whole batch at once.

`FastTextQualityFilter` and `FastTextLangId` take the arguments of Curator's own and give its scores; they work in its
`Score`, `Filter` and `ScoreFilter`, which ask document by document. `ScoreFilterInBatches` is a `ScoreFilter` that does not.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradwell.errors import DataError, DependencyError, ModelFileError, OptionError
from gradwell.text.FastText import _FastText, load_model

try:
    from nemo_curator.stages.text.filters.doc_filter import DocumentFilter
    from nemo_curator.stages.text.filters.score_filter import ScoreFilter
except ImportError as error:
    raise DependencyError("filters for NeMo Curator need it; install it with `pip install nemo-curator 'gradwell[text]'`") from error


class ModelFilter(DocumentFilter):  # type: ignore[misc]
    """A filter that asks a model for the most probable label of each document."""

    def __init__(self, name: str, model_path: str | os.PathLike[str] | None) -> None:
        super().__init__()
        if model_path is None:
            raise OptionError(f"{type(self).__name__} needs model_path, a fastText or Gradwell model on this machine")
        self._name, self._model_path = name, model_path
        self._model: _FastText | None = None

    def model_check_or_download(self) -> None:
        """Complain where there is no model; Curator calls this once on each node."""
        if not os.path.exists(self._model_path):
            raise ModelFileError(f"{self._model_path} does not exist; it must be a model file on this machine")

    def load_model(self) -> None:
        """Load the model; Curator calls this once in each worker."""
        self._model = load_model(self._model_path)
        self._model.model.options = replace(self._model.model.options, thread=1)  # a pipeline has a worker for each processor

    def answers(self, lines: list[str]) -> list[tuple[str, float]]:
        """The most probable label of each line with its score; of one that says nothing, an empty label and 0."""
        if self._model is None:
            self.load_model()
        assert self._model is not None
        labels, scores = self._model.predict(lines, k=1)
        return [(label[0], score[0].item()) if label else ("", 0.0) for label, score in zip(labels, scores, strict=True)]

    def score_document(self, text: str) -> Any:
        """The score of one document."""
        return self.score_documents([text])[0]

    def score_documents(self, texts: Sequence[str]) -> list[Any]:
        """The scores of many."""
        raise NotImplementedError


class FastTextQualityFilter(ModelFilter):
    """Keeps documents the more often, the more probably they bear the label of good ones.

    alpha: of the Pareto distribution that is drawn from; the higher, the fewer poor documents are kept. The draws are those
    that Curator's own filter makes after `numpy.random.seed(seed)`, from a generator of its own.
    """

    def __init__(
        self, model_path: str | os.PathLike[str] | None = None, label: str = "__label__hq", alpha: float = 3, seed: int = 42
    ) -> None:
        super().__init__("fasttext_quality_filter", model_path)
        self._label, self._alpha, self._random = label, alpha, np.random.RandomState(seed)

    def score_documents(self, texts: Sequence[str]) -> list[float]:
        """The probability of the label."""
        found = self.answers([text.replace("\n", " ").replace("__label__", " ") for text in texts])
        return [score if label == self._label else 1 - score for label, score in found]

    def keep_document(self, score: float) -> bool:
        """Whether to keep a document of this score, by chance."""
        return bool(self._random.pareto(self._alpha) > 1 - score)


class FastTextLangId(ModelFilter):
    """Keeps documents in a language (`en`, `eng_Latn`; None: any) whose score is at least `min_langid_score`."""

    def __init__(
        self, model_path: str | os.PathLike[str] | None = None, min_langid_score: float = 0.3, lang: str | None = None
    ) -> None:
        super().__init__("lang_id", model_path)
        self._cutoff, self._lang = min_langid_score, (lang or "").casefold()

    def score_documents(self, texts: Sequence[str]) -> list[str]:
        """Score and language as text, `[0.98, 'EN']`, as Curator hands them on."""
        found = self.answers([text.strip().replace("\n", " ") for text in texts])
        return [str([score, label.removeprefix("__label__")]) for label, score in found]

    def keep_document(self, score: str) -> bool:
        """Whether to keep a document of this score; a language without script stands for all its scripts."""
        try:
            value, language = ast.literal_eval(score)
            mine = language.casefold()
        except (ValueError, TypeError, SyntaxError, AttributeError):
            raise DataError(f"the score is {score!r}; it must be text such as \"[0.98, 'EN']\"") from None
        fits = not self._lang or self._lang in (mine, mine.split("_", maxsplit=1)[0])
        return bool(value >= self._cutoff and fits)


class ScoreFilterInBatches(ScoreFilter):  # type: ignore[misc]
    """Curator's `ScoreFilter`, asking filters of this module for all documents of a batch at once."""

    def compute_filter_mask(self, df: Any, filter_obj: Any, text_field: str, score_field: str | None, invert: bool) -> Any:
        """Which documents of the batch are kept."""
        if not isinstance(filter_obj, ModelFilter):
            return super().compute_filter_mask(df, filter_obj, text_field, score_field, invert)
        import pandas as pd

        scores = pd.Series(filter_obj.score_documents(df[text_field].tolist()), index=df.index)
        if score_field is not None:
            df[score_field] = scores
        kept = scores.apply(filter_obj.keep_document)
        return ~kept if invert else kept
