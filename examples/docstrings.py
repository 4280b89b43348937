"""Which library of Python does a docstring belong to? A classifier learns it from Python's own source files, offline.

No two texts from one file are on both sides: what is tested are the docstrings of files that training never saw. The
names of the library and of the file are taken out, so that the answer does not stand in the question.
"""

import ast
import collections
import random
import re
import sysconfig
from pathlib import Path

import gradwell.text as fasttext

LIBRARIES = [
    "asyncio", "concurrent", "ctypes", "curses", "distutils", "email", "encodings", "http", "idlelib", "importlib", "json", "lib2to3",
    "logging", "multiprocessing", "tkinter", "turtledemo", "unittest", "urllib", "wsgiref", "xml",
]
ROOT = Path(sysconfig.get_path("stdlib"))
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def docstrings(path: Path) -> list[str]:
    """The docstrings of a source file, which is read and not run."""
    try:
        nodes = ast.walk(ast.parse(path.read_bytes()))
    except (SyntaxError, ValueError):
        return []
    return [text for node in nodes if isinstance(node, DOCUMENTED) and (text := ast.get_docstring(node))]


def cleaned(text: str, library: str, path: Path) -> str:
    """The words of a docstring in small letters, names parted at capitals and underscores, without library and file name."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", re.sub(rf"\b({library}|{re.escape(path.stem)})\b", " ", text))
    return " ".join(word.lower() for word in words if word.lower() not in (library, path.stem))


def collected() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(library, docstring) of the files to learn from, and of those to test on: of each library every third, by their size."""
    train: list[tuple[str, str]] = []
    test: list[tuple[str, str]] = []
    for library in LIBRARIES:
        files = [path for path in sorted((ROOT / library).rglob("*.py")) if "test" not in str(path.relative_to(ROOT / library))]
        found = {path: [words for text in docstrings(path) if (words := cleaned(text, library, path)).count(" ") >= 3] for path in files}
        files = sorted((path for path in files if found[path]), key=lambda path: -len(found[path]))
        if len(files) < 3:
            continue  # not in this version of Python, or too small to be parted
        for i, path in enumerate(files):
            (test if i % 3 == 1 else train).extend((library, text) for text in found[path])
    return train, test


train, test = collected()
count = collections.Counter(library for library, _ in train)
print(f"{len(train):,} docstrings of {len(count)} libraries to learn from, {len(test):,} from other files to test on")

model = fasttext.train_supervised(
    [text for _, text in train], labels=[library for library, _ in train],
    lr=1.0, dim=32, epoch=15, wordNgrams=2, bucket=200_000, thread=1, verbose=0,
)
answers, scores = model.predict([text for _, text in test])
answered = [labels[0].removeprefix("__label__") for labels in answers]
right = [answer == library for answer, (library, _) in zip(answered, test, strict=True)]
largest = count.most_common(1)[0][0]
baseline = sum(library == largest for library, _ in test) / len(test)
print(f"\nright: {sum(right) / len(test):.1%}    always saying {largest}: {baseline:.1%}\n")

for i in random.Random(1).sample(range(len(test)), 6):
    library, text = test[i]
    labels, probabilities = model.predict(text, k=2)
    guesses = ", ".join(f"{label.removeprefix('__label__')} {p:.0%}" for label, p in zip(labels, probabilities, strict=True))
    print(f"{text[:76]!r}\n    is of {library}; the model says {guesses}")

print("\nmost confused")
confused = collections.Counter((library, answer) for answer, (library, _) in zip(answered, test, strict=True) if answer != library)
for (library, answer), n in confused.most_common(6):
    print(f"{n:4d} of {library} taken for {answer}")
