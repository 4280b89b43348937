"""A translator in ONNX Runtime: the encoder once, the step cell again and again, and the search in NumPy. Torch is not needed.

A beam of one is greedy search, so there is one search.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gradwell.errors import DependencyError, ModelFileError
from gradwell.translate.ranking import Beam
from gradwell.translate.searching import Array, search
from gradwell.translate.translation import AT_ONCE, BaseTranslator, Translation
from gradwell.translate.vocabulary import PAD, Vocabulary

FILES = ("encoder.onnx", "step.onnx", "source.json", "target.json")
GREEDY = Beam(1, 0.0)


class OnnxTranslator(BaseTranslator):
    """What `gradwell translate export` wrote, at work."""

    one = np.ones((1, 1), np.float32)

    def __init__(self, folder: str | os.PathLike[str], threads: int = 0) -> None:
        """Load a folder. threads: of ONNX Runtime; 0: as many as it likes.

        Raises ModelFileError when a file is missing or damaged, DependencyError when onnxruntime is missing.
        """
        where = Path(folder)
        missing = [name for name in FILES if not (where / name).exists()]
        if missing:
            raise ModelFileError(f"{where} holds no exported translator: there is no {missing[0]}; `gradwell translate export` makes one")
        self.source, self.target = (Vocabulary.read(where / name) for name in FILES[2:])
        self.encoder, self.step = (session(where / name, threads) for name in FILES[:2])
        self.asked = {one.name for one in self.step.get_inputs()}

    def candidates(self, sentences: Sequence[str], beam: Beam | None = None) -> list[list[Translation]]:
        """For each sentence its translations, the best first: as many as the beam is wide."""
        chosen = beam or GREEDY
        return self.searched(sentences, lambda rows, _: search(self, rows, chosen), max(1, AT_ONCE // chosen.size))

    def begin(self, sentences: list[list[int]]) -> dict[str, Array]:
        """Read sentences: the state before the first step and what it attends to, by name."""
        source = np.full((len(sentences), max(map(len, sentences))), PAD, np.int64)
        for i, sentence in enumerate(sentences):
            source[i, : len(sentence)] = sentence
        return named(self.encoder, {"source": source})

    def go_on(self, token: Array, known: dict[str, Array]) -> dict[str, Array]:
        """One token (beams) further: logp (beams, vocabulary), weights (beams, source time) and the next state, by name."""
        given = known | {"token": token}
        return named(self.step, {name: given[name] for name in self.asked})


def named(model: Any, inputs: dict[str, Array]) -> dict[str, Array]:
    """What a model answers, by name."""
    return dict(zip([one.name for one in model.get_outputs()], model.run(None, inputs), strict=True))


def session(path: Path, threads: int) -> Any:
    """A model at work."""
    try:
        import onnxruntime
    except ModuleNotFoundError:
        raise DependencyError("a translator in ONNX needs onnxruntime; install it with `pip install 'gradwell[onnx]'`") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - it raises errors of its own kind
        raise ModelFileError(f"{path} is not a model that ONNX Runtime can load: {str(error).splitlines()[0]}") from None
