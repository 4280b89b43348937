"""Texts to vectors, as a step of scikit-learn's pipelines and column transformers."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from gradwell.text import files
from gradwell.text.classifier import lines
from gradwell.text.options import UNSUPERVISED, build
from gradwell.text.train import train

from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin  # isort: skip - the classifier says what to install
from sklearn.utils.validation import check_is_fitted  # isort: skip

OPTIONS = ("model", "lr", "dim", "epoch", "minCount", "minn", "maxn", "bucket", "thread", "seed")


class TextVectors(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn states no types
    """The vector of each text: what its words' vectors have in common, learned from the texts themselves or taken from a file.

    pretrained: the file of a model (.bin, .ftz, .safetensors); then nothing is learned, and the options mean nothing. Without one,
    word vectors are learned from the texts, with fastText's options: model is skipgram or cbow; minCount is 1 here, as columns are
    short, and one thread works, so that the same seed gives the same vectors. After `fit`: model_, the model itself.
    Source: Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information".
    """

    def __init__(
        self, pretrained: str | os.PathLike[str] = "", *, model: str = "skipgram", lr: float = 0.05, dim: int = 100, epoch: int = 5,
        minCount: int = 1, minn: int = 3, maxn: int = 6, bucket: int = 2_000_000, thread: int = 1, seed: int = 0,  # noqa: N803
    ) -> None:
        self.pretrained, self.model, self.lr, self.dim, self.epoch, self.minCount = pretrained, model, lr, dim, epoch, minCount
        self.minn, self.maxn, self.bucket, self.thread, self.seed = minn, maxn, bucket, thread, seed

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.one_d_array, tags.input_tags.two_d_array = True, True, False
        return tags

    def fit(self, X: Any, y: Any = None) -> TextVectors:  # noqa: N803, ARG002
        """Learn word vectors from texts X, or load them. Raises DataError, OptionError, TrainingError or ModelFileError."""
        texts = lines(X)
        if self.pretrained:
            self.model_ = files.load(self.pretrained)
        else:
            self.model_ = train(texts, build(UNSUPERVISED, verbose=0, **{name: getattr(self, name) for name in OPTIONS}))
        self._n_features_out = self.model_.options.dim
        return self

    def transform(self, X: Any) -> npt.NDArray[np.float32]:  # noqa: N803
        """(texts, dim): the vector of each text; zeros where no word and no part of one is known."""
        check_is_fitted(self)
        return np.stack([self.model_.sentence_vector(text) for text in lines(X)])
