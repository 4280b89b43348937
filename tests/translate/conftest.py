"""A small translator that has learned ten sentences by heart."""

import pytest
import torch

from gradwell import translate
from gradwell.translate import Options, Pairs

LINES = """\
ein mann geht . = a man walks .
eine frau lacht . = a woman laughs .
ein hund rennt schnell . = a dog runs fast .
zwei kinder spielen im park . = two children play in the park .
der mann liest ein buch . = the man reads a book .
die frau isst einen apfel . = the woman eats an apple .
ein junge wirft den ball . = a boy throws the ball .
ein mädchen malt ein bild . = a girl paints a picture .
drei männer reden . = three men talk .
die katze schläft . = the cat sleeps .""".splitlines()
TEN = Pairs([line.split(" = ")[0] for line in LINES], [line.split(" = ")[1] for line in LINES])
SMALL = Options(
    embedding=32, hidden=64, vocabulary=120, dropout=0.0, label_smoothing=0.0, epochs=60, batch_tokens=50, lr=0.01, warmup=5, average=1,
    patience=60,
)


@pytest.fixture(scope="session")
def by_heart(tmp_path_factory):
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("translator") / "model"
    translate.train(TEN, TEN, SMALL, folder)
    return folder


@pytest.fixture(scope="session")
def translator(by_heart):
    return translate.load(by_heart)
