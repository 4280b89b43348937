"""A text classifier that fits wherever scikit-learn's classifiers fit: pipelines, grid searches, cross-validation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gradwell.errors import DataError, DependencyError, OptionError
from gradwell.text import sources
from gradwell.text.options import SUPERVISED, build
from gradwell.text.train import Extras, numbers, train

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.model_selection import train_test_split
    from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted
except ImportError:
    raise DependencyError("TextClassifier needs scikit-learn; install it with `pip install 'gradwell[sklearn]'`") from None

PREFIX = SUPERVISED.label
OPTIONS = (
    "lr", "dim", "epoch", "minCount", "minn", "maxn", "wordNgrams", "loss", "bucket", "neg", "thread", "seed", "verbose",
    "pretrainedVectors",
)


class TextClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn states no types
    """fastText's classifier as a scikit-learn estimator: fit it on texts and their classes, then ask it about other texts.

    The options have fastText's names and defaults, except that one thread works (so that the same seed gives the same
    model, and a grid search may use the others) and that nothing is printed. class_weight: a weight for each class, or
    "balanced". validation_fraction: the share of the texts that is kept aside to measure each epoch on; the best epoch
    is what is learned, and with patience training stops after so many epochs that were no better. deterministic: the
    same model with any number of threads.

    After `fit`: classes_; model_, the model itself; history_, the figures of each epoch; n_iter_, the epochs done;
    class_prior_, the share of each class, which is the answer to a text without a known word. There is no
    n_features_in_, because texts have no fixed number of features. Source: Joulin et al. 2016, "Bag of Tricks for
    Efficient Text Classification".
    """

    def __init__(
        self, *, lr: float = 0.1, dim: int = 100, epoch: int = 5, minCount: int = 1, minn: int = 0, maxn: int = 0, wordNgrams: int = 1,  # noqa: N803
        loss: str = "softmax", bucket: int = 2_000_000, neg: int = 5, thread: int = 1, seed: int = 0, verbose: int = 0,
        pretrainedVectors: str = "", class_weight: Mapping[Any, float] | str | None = None,  # noqa: N803
        validation_fraction: float | None = None, patience: int | None = None, deterministic: bool = False,
    ) -> None:
        self.lr, self.dim, self.epoch, self.minCount, self.minn, self.maxn = lr, dim, epoch, minCount, minn, maxn
        self.wordNgrams, self.loss, self.bucket, self.neg, self.thread, self.seed = wordNgrams, loss, bucket, neg, thread, seed
        self.verbose, self.pretrainedVectors, self.class_weight = verbose, pretrainedVectors, class_weight
        self.validation_fraction, self.patience, self.deterministic = validation_fraction, patience, deterministic

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.one_d_array, tags.input_tags.two_d_array = True, True, False
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> TextClassifier:  # noqa: N803
        """Learn from texts X (a list, an array, a pandas or Arrow column) and the class of each, y.

        Raises DataError, OptionError or TrainingError (the first two are ValueErrors) with what is wrong.
        """
        texts = lines(X)
        targets = classes_of(y)
        check_consistent_length(texts, targets)
        weights = weights_of(sample_weight, len(texts))
        self.classes_, which = np.unique(targets, return_inverse=True)
        names = label_names(self.classes_)
        options = build(SUPERVISED, **{name: getattr(self, name) for name in OPTIONS})
        kept, aside = self._split(which)
        extras = Extras(
            labels=[names[i] for i in which[kept]], class_weight=self._class_weights(names),
            sample_weight=None if weights is None else weights[kept], validation=labelled(texts, which, names, aside),
            patience=self.patience, deterministic=self.deterministic,
        )
        self.model_ = train([texts[i] for i in kept], options, extras)
        self.history_, self.n_iter_ = self.model_.history, len(self.model_.history)
        self.class_prior_ = np.bincount(which, weights, minlength=len(names)) / (len(texts) if weights is None else weights.sum())
        known = {label: i for i, label in enumerate(self.model_.labels)}
        self._label_ids = np.array([known.get(PREFIX + name, -1) for name in names])
        return self

    def _split(self, which: Any) -> tuple[Any, Any]:
        """The texts to learn from, and those kept aside; of each class a share, where it has enough."""
        everything = np.arange(len(which))
        share = self.validation_fraction
        if share is None:
            if self.patience is not None:
                raise OptionError(f"patience is {self.patience}, which needs a validation_fraction, such as 0.1")
            return everything, None
        if not isinstance(share, int | float) or not 0 < share < 1:
            raise OptionError(f"validation_fraction is {share!r}; it must be between 0 and 1, or None")
        kinds, least = len(np.unique(which)), np.bincount(which).min()
        aside = int(np.ceil(share * len(which)))
        stratify = which if least > 1 and kinds <= min(aside, len(which) - aside) else None
        if aside >= len(which):
            raise DataError(f"of {len(which)} texts, validation_fraction={share} leaves none to learn from")
        return train_test_split(everything, test_size=aside, stratify=stratify, random_state=self.seed % 2**32)  # type: ignore[no-any-return]

    def _class_weights(self, names: list[str]) -> Any:
        """class_weight by the labels of the model."""
        given = self.class_weight
        if given is None or isinstance(given, str):
            return given
        number = {value: i for i, value in enumerate(self.classes_.tolist())}
        unknown = [name for name in given if name not in number]
        if unknown:
            some = ", ".join(map(repr, list(number)[:10]))
            raise OptionError(f"class_weight names {unknown[0]!r}, which is not a class; the classes are {some}")
        return {PREFIX + names[number[name]]: weight for name, weight in given.items()}

    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:  # noqa: N803
        """(texts, classes): the probability of each class, in the order of classes_; each row adds up to 1.

        With the losses ns and ova, which answer for each class apart, the answers are divided by their sum.
        """
        ids, values = self._answers(X, -1)
        by_label = np.zeros((len(ids), ids.shape[1] + 1))
        np.put_along_axis(by_label, ids.astype(np.int64), values.astype(np.float64), axis=1)  # -1, what is missing, is the last
        out: npt.NDArray[np.float64] = np.where(self._label_ids >= 0, by_label[:, self._label_ids], 0.0)
        total = out.sum(1, keepdims=True)
        return np.where(total > 0, out / np.where(total > 0, total, 1), self.class_prior_)

    def predict(self, X: Any) -> Any:  # noqa: N803
        """The most probable class of each text."""
        ids, _ = self._answers(X, 1)
        number = np.full(len(self.model_.labels) + 1, int(self.class_prior_.argmax()))  # the last is the answer to -1
        there = self._label_ids >= 0
        number[self._label_ids[there]] = np.flatnonzero(there)
        return self.classes_[number[ids[:, 0]]]

    def _answers(self, X: Any, k: int) -> tuple[Any, Any]:  # noqa: N803
        """The model's best k labels of each text."""
        check_is_fitted(self)
        return self.model_.predict(lines(X), k, threads=self.model_.options.threads)


def lines(X: Any) -> list[str]:  # noqa: N803
    """The texts, if they are a column of texts."""
    if isinstance(X, str | bytes) or getattr(X, "ndim", 1) != 1 or hasattr(X, "toarray"):
        kind = type(X).__name__ + (f" of shape {X.shape}" if hasattr(X, "shape") else "")
        raise DataError(f"X is a {kind}; it must be a column of texts: a list, a 1D array, a pandas or Arrow column (no sparse matrix)")
    texts = sources.lines_of(X, "X")
    if not texts:
        raise DataError("X is empty: 0 texts were given; a minimum of 1 is required")
    return texts


def classes_of(y: Any) -> Any:
    """The class of each text, checked to be one for each."""
    if y is None:
        raise DataError("TextClassifier requires y to be passed, but the target y is None")
    values = y.to_pylist() if hasattr(y, "to_pylist") else y
    if isinstance(values, list | tuple) and any(isinstance(value, list | tuple | set | frozenset) for value in values):
        raise DataError("y holds lists; a text has one class here (for several, use gradwell.text.train_supervised with labels=y)")
    flat = column_or_1d(values, warn=True)
    if flat.dtype.kind in "fc":
        assert_all_finite(flat, input_name="y")
    if flat.dtype.kind == "O" and any(value is None or value != value for value in flat):
        raise DataError("y holds a missing value (None or NaN); each text needs a class")
    check_classification_targets(flat)
    return flat


def weights_of(given: Any, n: int) -> Any:
    """The weight of each text, checked, or nothing."""
    if given is None:
        return None
    weights = numbers(given if hasattr(given, "__array__") else sources.plain(given), "sample_weight").astype(np.float64)
    if weights.ndim != 1 or len(weights) != n:
        raise OptionError(f"sample_weight has the shape {weights.shape}; it must be 1D with a weight for each of {n} texts")
    if not weights.any():
        raise OptionError("every sample_weight is zero; at least one text must count")
    return weights


def label_names(classes: Any) -> list[str]:
    """A name without spaces for each class, so that fastText can read the model; numbers where two would be the same."""
    names = [re.sub(r"[\s\0]+", "_", str(value)) for value in classes.tolist()]
    return names if len(set(names)) == len(names) else [str(i) for i in range(len(names))]


def labelled(texts: list[str], classes: Any, names: list[str], which: Any) -> list[str] | None:
    """Some texts with their labels before them, as a text to measure on."""
    return None if which is None else [f"{PREFIX}{names[classes[i]]} {texts[i]}" for i in which]
