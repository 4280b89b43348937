"""How good predictions are: accuracy, precision and recall of each class, and which classes are taken for which."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradwell.vision.needs import needed


@dataclass(frozen=True)
class Scores:
    """`confusion[i, j]`: how many images of class i were taken for class j."""

    classes: tuple[str, ...]
    confusion: NDArray[np.int64]

    @property
    def images(self) -> int:
        """How many were looked at."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Share of the images that were taken for what they are."""
        return float(self.confusion.trace() / self.images)

    @property
    def recall(self) -> NDArray[np.float64]:
        """For each class the share of its images that were found; NaN where it has none."""
        return share(self.confusion.diagonal(), self.confusion.sum(1))

    @property
    def precision(self) -> NDArray[np.float64]:
        """For each class the share of right ones among the images taken for it; NaN where there are none."""
        return share(self.confusion.diagonal(), self.confusion.sum(0))

    @property
    def f1(self) -> NDArray[np.float64]:
        """For each class the harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN)."""
        return share(2 * self.confusion.diagonal(), self.confusion.sum(0) + self.confusion.sum(1))

    def mistakes(self, most: int = 5) -> list[tuple[str, str, int]]:
        """The commonest mistakes: what it was, what it was taken for, how often."""
        wrong = self.confusion - np.diag(self.confusion.diagonal())
        order = np.argsort(wrong, axis=None, kind="stable")[::-1][:most]
        places = (np.unravel_index(i, wrong.shape) for i in order)
        return [(self.classes[a], self.classes[b], int(wrong[a, b])) for a, b in places if wrong[a, b]]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; what is not known is None."""
        columns = {name: [None if np.isnan(x) else float(x) for x in getattr(self, name)] for name in ("precision", "recall", "f1")}
        each = [{"class": name, "images": int(self.confusion[i].sum()), **{key: value[i] for key, value in columns.items()}}
                for i, name in enumerate(self.classes)]
        return {"accuracy": self.accuracy, "images": self.images, "classes": each, "confusion": self.confusion.tolist()}

    def __str__(self) -> str:
        wide = max(5, *map(len, self.classes))
        lines = [f"accuracy {self.accuracy:.4f} of {self.images:,} images", ""]
        lines += [f"{'class':<{wide}}  images  precision  recall      F1"]
        for i, name in enumerate(self.classes):
            values = f"{self.precision[i]:9.4f}  {self.recall[i]:6.4f}  {self.f1[i]:6.4f}".replace("nan", "  -")
            lines.append(f"{name:<{wide}}  {self.confusion[i].sum():6,}  {values}")
        if found := self.mistakes():
            lines += ["", "most often mistaken: " + "; ".join(f"{a} for {b} ({n:,})" for a, b, n in found)]
        return "\n".join(lines)

    def picture(self, path: Path) -> None:
        """Draw the confusion matrix: a row for what images are, a column for what they were taken for, in shares of the row."""
        from gradwell.folder import write

        needed("matplotlib", "drawing the confusion matrix")
        import io

        from matplotlib.figure import Figure

        count = len(self.classes)
        side = min(4 + 0.45 * count, 40)
        figure = Figure(figsize=(side, side), layout="constrained")
        axes = figure.subplots()
        axes.grid(False)
        shares = self.confusion / np.maximum(self.confusion.sum(1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(count), self.classes, rotation=90)
        axes.set_yticks(range(count), self.classes)
        axes.set(xlabel="taken for", ylabel="is", title=f"{self.accuracy:.2%} of {self.images:,} images right")
        for i, j in np.argwhere(self.confusion).tolist() if count <= 40 else []:
            color = "white" if shares[i, j] > 0.5 else "black"
            axes.text(j, i, f"{self.confusion[i, j]:,}", ha="center", va="center", fontsize=7, color=color)
        drawn = io.BytesIO()
        figure.savefig(drawn, format=path.suffix.lstrip(".").lower() or "png", dpi=120)
        write(path, drawn.getvalue())


def scores(true: NDArray[np.int64], said: NDArray[np.int64], classes: tuple[str, ...]) -> Scores:
    """Count which class was taken for which."""
    count = len(classes)
    return Scores(classes, np.bincount(true * count + said, minlength=count * count).reshape(count, count).astype(np.int64))


def share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    """Part / whole, NaN where the whole is nothing."""
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
