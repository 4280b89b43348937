"""The calls of fastText's own Python module (0.9.3), with their names, positions and answers.

`from gradwell.text.FastText import _FastText, tokenize` is what other packages import from `fasttext.FastText`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from gradwell.errors import DataError, OptionError
from gradwell.text import files, hashing, prediction
from gradwell.text.dictionary import Floats
from gradwell.text.meter import Meter
from gradwell.text.model import Epoch, Model
from gradwell.text.options import NAMES, OTHER_NAMES, SUPERVISED, UNSUPERVISED, Options, build
from gradwell.text.sources import plain

EOS, BOW, EOW = "</s>", "<", ">"
TINY = np.float32(1e-5)  # fastText's probabilities are this much too large (loss.cc: std_log)

SUPERVISED_ORDER = (
    "input", "lr", "dim", "ws", "epoch", "minCount", "minCountLabel", "minn", "maxn", "neg", "wordNgrams", "loss", "bucket", "thread",
    "lrUpdateRate", "t", "label", "verbose", "pretrainedVectors", "seed", "autotuneValidationFile", "autotuneMetric",
    "autotunePredictions", "autotuneDuration", "autotuneModelSize",
)
UNSUPERVISED_ORDER = ("input", "model", *SUPERVISED_ORDER[1:19])
AUTOTUNE = (*SUPERVISED_ORDER[20:], "trials", "autotuneStorage", "autotuneStudy")
EXTRAS = ("labels", "class_weight", "sample_weight", "validation", "patience", "callbacks", "checkpoint", "start", "deterministic")


class _Meter:
    """Scores against the truth at every threshold."""

    def __init__(self, fasttext_model: Any, meter: Meter) -> None:
        self.f = fasttext_model
        self.m = meter

    def score_vs_true(self, label: str) -> tuple[Floats, Floats]:
        """The scores of a label, from low to high, and whether each was true."""
        return self.m.scores_and_truth(label)

    def precision_recall_curve(self, label: str | None = None) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Precision and recall at every threshold."""
        return self.m.precision_recall_curve(label)

    def precision_at_recall(self, recall: float, label: str | None = None) -> float:
        """The best precision with at least this recall."""
        return self.m.precision_at_recall(recall, label)

    def recall_at_precision(self, precision: float, label: str | None = None) -> float:
        """The best recall with at least this precision."""
        return self.m.recall_at_precision(precision, label)


class _FastText:
    """A model with fastText's own methods; `model.model` is the same with Gradwell's."""

    def __init__(self, model_path: str | os.PathLike[str] | None = None, args: Any = None, model: Model | None = None) -> None:
        if model_path is not None:
            model = files.load(model_path)
        self._model = model
        self._words: list[str] | None = None
        self._labels: list[str] | None = None
        self.set_args(args)

    @property
    def model(self) -> Model:
        """The model itself."""
        if self._model is None:
            raise DataError("there is no model yet; train one or load one from a file")
        return self._model

    def set_args(self, args: Options | None = None) -> None:
        """Show the options of a training as attributes: lr, dim, epoch ..."""
        if args is not None:
            for name in NAMES:
                if name not in ("model", "seed"):
                    setattr(self, name, getattr(args, name))

    @property
    def history(self) -> list[Epoch]:
        """What training reported after each epoch."""
        return self.model.history

    def is_quantized(self) -> bool:
        """Whether the matrices are kept in few bytes."""
        return not isinstance(self.model.input, np.ndarray)

    def get_dimension(self) -> int:
        """The numbers in a vector."""
        return self.model.options.dim

    def get_word_vector(self, word: str) -> Floats:
        """The vector of a word, also of one never seen."""
        return self.model.word_vector(word)

    def get_sentence_vector(self, text: str) -> Floats:
        """The vector of one line of text."""
        return self.model.sentence_vector(line(text))

    def get_nearest_neighbors(self, word: str, k: int = 10, on_unicode_error: str = "strict") -> list[tuple[float, str]]:  # noqa: ARG002
        """The words nearest to a word, with the cosine."""
        return self.model.neighbors(word, k)

    def get_analogies(self, wordA: str, wordB: str, wordC: str, k: int = 10, on_unicode_error: str = "strict") -> list[tuple[float, str]]:  # noqa: ARG002, N803
        """The words nearest to A - B + C."""
        return self.model.analogies(wordA, wordB, wordC, k)

    def get_word_id(self, word: str) -> int:
        """The id of a word, or -1."""
        return self.model.dictionary.index.get(word.encode("utf-8", "replace"), -1)

    def get_label_id(self, label: str) -> int:
        """The id of a label, or -1."""
        return self.model.label_id(label)

    def get_subword_id(self, subword: str) -> int:
        """The row of the full input matrix that a character n-gram hashes to."""
        return self.model.subword_id(subword)

    def get_subwords(self, word: str, on_unicode_error: str = "strict") -> tuple[list[str], npt.NDArray[np.int64]]:
        """A word and its character n-grams, with their rows in the full input matrix."""
        found = self.model.full_subwords(word)
        return [subword.decode("utf-8", on_unicode_error) for subword, _ in found], np.array([row for _, row in found], np.int64)

    def get_input_vector(self, ind: int) -> Floats:
        """A row of the full input matrix."""
        return self.model.full_row(ind)

    def predict(self, text: Any, k: int = 1, threshold: float = 0.0, on_unicode_error: str = "strict") -> Any:
        """The k most probable labels of a line and their probabilities; of a list of lines, a list of each.

        Raises ValueError when a line holds a newline or the model is no classifier.
        """
        if isinstance(text, str):
            labels, scores = self.answers([text], k, threshold, on_unicode_error)
            return tuple(labels[0]), scores[0].astype(np.float64)
        return self.answers(text, k, threshold, on_unicode_error)

    def answers(self, texts: Iterable[str], k: int, threshold: float, on_unicode_error: str) -> tuple[list[list[str]], list[Floats]]:
        """Labels and probabilities of lines, as fastText gives them."""
        model = self.model
        data, starts = prediction.lines(np.frombuffer(one_line_each(texts), np.uint8))
        ids, scores = model.predict_bytes(data, starts, k, max(threshold, 0.0), None, model.options.threads)
        if model.options.loss != "hs":
            scores = np.minimum(scores + TINY, np.float32(1))
        names = self.names(on_unicode_error)
        if ids.shape[1] == 1 and (ids >= 0).all():
            return [[names[i]] for i in ids[:, 0].tolist()], list(scores)
        counts = (ids >= 0).sum(1).tolist()
        labels = [[names[i] for i in row[:n]] for row, n in zip(ids.tolist(), counts, strict=True)]
        return labels, [row[:n] for row, n in zip(scores, counts, strict=True)]

    def names(self, on_unicode_error: str) -> list[str]:
        """The labels."""
        if self._labels is None:
            self._labels = self.get_labels(on_unicode_error=on_unicode_error)
        return self._labels

    def predict_arrays(
        self, texts: Any, k: int = 1, threshold: float = 0.0, labels: Iterable[str] | None = None, threads: int = 1
    ) -> tuple[npt.NDArray[np.int32], Floats]:
        """The k best labels of many texts as arrays (ids[n, k], probabilities[n, k]); see `Model.predict`."""
        return self.model.predict(texts, k, threshold, labels, threads)

    def get_input_matrix(self) -> Floats:
        """The full input matrix."""
        return self.model.full_input()

    def get_output_matrix(self) -> Floats:
        """The output matrix."""
        if self.is_quantized():
            raise DataError("Can't get quantized Matrix")
        return np.ascontiguousarray(self.model.output[:, : self.get_dimension()])

    def get_words(self, include_freq: bool = False, on_unicode_error: str = "strict") -> Any:
        """The words of the dictionary, with their counts if wanted."""
        dictionary = self.model.dictionary
        words = [entry.decode("utf-8", on_unicode_error) for entry in dictionary.entries[: dictionary.nwords]]
        return (words, dictionary.counts[: dictionary.nwords].copy()) if include_freq else words

    def get_labels(self, include_freq: bool = False, on_unicode_error: str = "strict") -> Any:
        """The labels of the dictionary, with their counts if wanted; of word vectors, the words."""
        if not self.model.supervised:
            return self.get_words(include_freq, on_unicode_error)
        dictionary = self.model.dictionary
        labels = [entry.decode("utf-8", on_unicode_error) for entry in dictionary.entries[dictionary.nwords :]]
        return (labels, dictionary.counts[dictionary.nwords :].copy()) if include_freq else labels

    def get_line(self, text: Any, on_unicode_error: str = "strict") -> Any:
        """A line's words and labels; of a list of lines, a list of each."""
        if not isinstance(text, str):
            pairs = [self.get_line(entry, on_unicode_error) for entry in text]
            return [words for words, _ in pairs], [labels for _, labels in pairs]
        prefix = self.model.options.label.encode()
        words: list[str] = []
        labels: list[str] = []
        for token in hashing.tokens(line(text).encode("utf-8", "replace") + b"\n"):
            number = self.model.dictionary.index.get(token, -1)
            if number >= self.model.dictionary.nwords:
                labels.append(token.decode("utf-8", on_unicode_error))
            elif number >= 0 or not token.startswith(prefix):
                words.append(token.decode("utf-8", on_unicode_error))
            if token == hashing.EOS:
                break
        return words, labels

    def save_model(self, path: str | os.PathLike[str]) -> None:
        """Save the model: as safetensors where the name ends so, else in fastText's own format."""
        files.save(self.model, path)

    def test(self, path: Any, k: int = 1, threshold: float = 0.0) -> tuple[int, float, float]:
        """Lines, precision and recall on a text with labels."""
        meter = self.model.test(path, k, threshold, self.model.options.threads)
        return meter.n, meter.precision(), meter.recall()

    def test_label(self, path: Any, k: int = 1, threshold: float = 0.0) -> dict[str, dict[str, float]]:
        """Precision, recall and f1score of each label."""
        return self.model.test(path, k, threshold, self.model.options.threads).by_label()

    def get_meter(self, path: Any, k: int = -1) -> _Meter:
        """Scores against the truth at every threshold."""
        return _Meter(self, self.model.test(path, k, 0.0, self.model.options.threads))

    def quantize(
        self, input: Any = None, qout: bool = False, cutoff: int = 0, retrain: bool = False, epoch: int | None = None,
        lr: float | None = None, thread: int | None = None, verbose: int | None = None, dsub: int = 2, qnorm: bool = False,
    ) -> None:
        """Keep the matrices in few bytes."""
        from gradwell.text.quantization import quantize

        self._model = quantize(
            self.model, input, qout=qout, cutoff=cutoff, retrain=retrain, epoch=epoch, lr=lr, thread=thread, verbose=verbose, dsub=dsub,
            qnorm=qnorm,
        )

    def set_matrices(self, input_matrix: npt.NDArray[Any], output_matrix: npt.NDArray[Any]) -> None:
        """Replace both matrices by others of the same shapes."""
        self._model = self.model.with_matrices(input_matrix, output_matrix)

    @property
    def words(self) -> list[str]:
        """The words of the dictionary."""
        if self._words is None:
            self._words = self.get_words()
        return self._words

    @property
    def labels(self) -> list[str]:
        """The labels of the dictionary."""
        return self.names("strict")

    def __getitem__(self, word: str) -> Floats:
        return self.get_word_vector(word)

    def __contains__(self, word: str) -> bool:
        i = self.model.dictionary.index.get(word.encode("utf-8", "replace"), -1)
        return 0 <= i < self.model.dictionary.nwords


def one_line_each(texts: Iterable[str]) -> bytes:
    """The texts, each of which must be one line, as bytes."""
    lines = plain(texts)
    try:
        whole = "\n".join(lines)
    except TypeError:
        wrong = next(text for text in lines if not isinstance(text, str))
        raise DataError(f"{wrong!r} is not text; predict takes a line or a list of lines") from None
    if whole.count("\n") != max(len(lines) - 1, 0):
        raise DataError("predict processes one line at a time (remove '\\n')")
    return whole.encode("utf-8", "replace") + b"\n" if lines else b""


def line(text: str) -> str:
    """The text, if it is one line."""
    if not isinstance(text, str):
        raise DataError(f"{text!r} is not text; predict takes a line or a list of lines")
    if "\n" in text:
        raise DataError("predict processes one line at a time (remove '\\n')")
    return text


def tokenize(text: str) -> list[str]:
    r"""The tokens of a text: split at spaces, tabs, line ends and NUL; `\n` is the token `</s>`."""
    return [token.decode("utf-8", "replace") for token in hashing.tokens(text.encode("utf-8", "replace"))]


def load_model(path: str | os.PathLike[str]) -> _FastText:
    """Load a model from a `.bin`, `.ftz` or `.safetensors` file."""
    return _FastText(model_path=path)


def named(order: tuple[str, ...], given: tuple[Any, ...], more: dict[str, Any]) -> dict[str, Any]:
    """Arguments by fastText's own names."""
    if len(given) > len(order):
        raise TypeError(f"{len(given)} arguments were given; there are {len(order)}: {', '.join(order)}")
    values = dict(zip(order, given, strict=False))
    for name, value in more.items():
        own = OTHER_NAMES.get(name, name)
        if own in values:
            raise TypeError(f"multiple values for argument {own!r}")
        values[own] = value
    if "input" not in values:
        raise TypeError("input is missing: a path, or lines of text")
    return values


def train_supervised(*given: Any, **more: Any) -> _FastText:
    """Train a classifier on text whose lines hold labels (`__label__...`) and words.

    input: a path, or lines in memory (a list, an iterator, a NumPy array, an Arrow or pandas column). The options are
    fastText's, in its order. Beyond fastText: labels (of each line, where they do not stand in the text), class_weight,
    sample_weight, validation, patience, callbacks, checkpoint, start (a model to go on training) and deterministic;
    see `gradwell.text.train.Extras`. Source: Joulin et al. 2016, "Bag of Tricks for Efficient Text Classification".
    Raises OptionError, DataError or TrainingError.
    """
    from gradwell.text.train import Extras, train

    values = named(SUPERVISED_ORDER, given, more)
    source = values.pop("input")
    extras = Extras(**{name: unwrapped(values.pop(name)) for name in EXTRAS if name in values})
    tuning = {name: values.pop(name) for name in AUTOTUNE if name in values}
    options = build(SUPERVISED, **values)
    if tuning.get("autotuneValidationFile"):
        from gradwell.text.autotune import autotune

        model = autotune(source, options, extras, values, **tuning)
    else:
        model = train(source, options, extras)
    return _FastText(model=model, args=model.options)


def train_unsupervised(*given: Any, **more: Any) -> _FastText:
    """Train word vectors on plain text, by skipgram or cbow.

    The options are fastText's, in its order, and seed; beyond it: callbacks, checkpoint, start and deterministic, as in
    `train_supervised`. Source: Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information".
    """
    from gradwell.text.train import Extras, train

    values = named(UNSUPERVISED_ORDER, given, more)
    source = values.pop("input")
    extras = Extras(**{name: unwrapped(values.pop(name)) for name in EXTRAS[5:] if name in values})
    model = train(source, build(UNSUPERVISED, **values), extras)
    return _FastText(model=model, args=model.options)


def unwrapped(value: Any) -> Any:
    """A model itself, where fastText's face of it was given."""
    return value.model if isinstance(value, _FastText) else value


def cbow(*given: Any, **more: Any) -> None:  # noqa: ARG001
    """No longer there, as in fastText."""
    raise OptionError("`cbow` is not supported any more. Please use `train_unsupervised` with model=`cbow`.")


def skipgram(*given: Any, **more: Any) -> None:  # noqa: ARG001
    """No longer there, as in fastText."""
    raise OptionError("`skipgram` is not supported any more. Please use `train_unsupervised` with model=`skipgram`.")


def supervised(*given: Any, **more: Any) -> None:  # noqa: ARG001
    """No longer there, as in fastText."""
    raise OptionError("`supervised` is not supported any more. Please use `train_supervised`.")
