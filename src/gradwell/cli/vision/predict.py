"""`gradwell vision predict`: the class of each image."""

from __future__ import annotations

from typing import Annotated

import typer

from gradwell import vision as room
from gradwell.cli import output
from gradwell.cli.vision.arguments import Model

UNREAD = 1  # exit status: some images could not be read


def predict(
    model: Model,
    paths: Annotated[list[str], typer.Argument(metavar="IMAGE ...", help="Image files, folders of them, IDX files, an npz.")],
    top: Annotated[int, typer.Option(metavar="K", min=1, help="Print the K likeliest classes.")] = 1,
) -> int:
    """Print name, class and probability of each image, tabs between; exit status 1 when an image could not be read."""
    from gradwell.vision.reading import to_predict

    made = room.load(model)
    images, wrong = to_predict(paths, made.options.size, made.options.channels)
    for found in made.predict(images, top):
        pairs = zip(found.classes, found.probabilities, strict=True)
        print(found.name, *(word for name, p in pairs for word in (name, f"{p:.4f}")), sep="\t")
    for complaint in wrong:
        output.complain(complaint)
    return UNREAD if wrong else 0
