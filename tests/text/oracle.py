"""What the tests of gradwell.text share: texts, and upstream fastText as the one who knows."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from gradwell.text import files
from gradwell.text.dictionary import Dictionary
from gradwell.text.model import Model
from gradwell.text.options import SUPERVISED, build

DATA = Path(os.environ.get("GRADWELL_DATA", Path(__file__).parents[3] / "shared" / "data"))
CHECK = settings(deadline=None, max_examples=100)  # a kernel may be compiled on the way
QUIET = {"verbose": 0, "thread": 12}  # with fewer than 11 threads upstream leaves part of its matrix as it finds it in memory
KINDS = {"words": {}, "word n-grams": {"wordNgrams": 3, "bucket": 5000}, "character n-grams": {"minn": 2, "maxn": 4, "bucket": 3000}}
LOSSES = ("softmax", "hs", "ns", "ova")


def data(name):
    """A file of the data that lies beside the project; without it the test is skipped."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is missing; set GRADWELL_DATA to the folder that holds it")
    return path


def corpus(lines=200, labels=5, seed=0, several=False):
    """Labelled lines: each label has words of its own among words that all share; some words are not ASCII."""
    rng = random.Random(seed)
    made = []
    for i in range(lines):
        mine = [min(rng.randrange(labels), rng.randrange(labels))]
        if several:
            mine = sorted({rng.randrange(labels) for _ in range(rng.randint(1, 3))})
        words = [rng.choice([f"wört{label}{rng.randrange(6)}", f"the{rng.randrange(30)}", "中文", "of"]) for label in mine * 4]
        made.append(" ".join([f"__label__{label}" for label in mine] + words + [f"rare{i}"]))
    return made


def written(path, lines, end="\n"):
    """A text file of these lines."""
    path.write_bytes("".join(line + end for line in lines).encode())
    return str(path)


def texts_of(lines):
    """The lines without their labels."""
    return [" ".join(token for token in line.split(" ") if not token.startswith("__label__")) for line in lines]


def answers(model, texts, k=-1):
    """Of each text, every label's probability, by either's predict."""
    names, values = model.predict(list(texts), k=k)
    return [dict(zip(labels, np.asarray(scores).tolist(), strict=True)) for labels, scores in zip(names, values, strict=True)]


def same_answers(a, b, tolerance=1e-5):
    """Whether two lists of answers agree."""
    assert len(a) == len(b)
    for one, other in zip(a, b, strict=True):
        assert one.keys() == other.keys()
        capped = [min(other[label], 1.0) for label in one]  # upstream adds 1e-5 to each factor of a probability
        np.testing.assert_allclose([min(p, 1.0) for p in one.values()], capped, atol=tolerance)


def mirror(path, words, buckets, labels=(b"__label__a", b"__label__b"), **options):
    """A model that shows its rows: row i of its input is the i-th unit vector, so that a sentence vector counts rows."""
    rows = len(words) + buckets
    given = build(SUPERVISED, dim=rows, bucket=buckets, verbose=0, thread=1, **options)
    dictionary = Dictionary.of([*words, *labels], np.arange(len(words) + len(labels), 0, -1), len(words), 1000)
    model = Model(given, dictionary, np.eye(rows, dtype=np.float32), np.zeros((len(labels), rows), np.float32))
    files.save(model, path)
    return model
