"""Dates as six languages write them become ISO dates: learned without a mistake, and each digit looks where it comes from."""

import datetime
import random

import pytest
import torch
from babel.dates import format_date

from gradwell import translate
from gradwell.translate import Beam, Options, Pairs

LOCALES, FORMATS = ("en_GB", "de", "fr", "es", "ru", "zh"), ("medium", "long", "full", "d.M.yyyy", "yyyy-MM-dd")
OPTIONS = Options(
    source_units="characters", target_units="characters", shared_vocabulary=False, embedding=32, hidden=128, dropout=0.1,
    label_smoothing=0.0, epochs=10, batch_tokens=1200, lr=4e-3, warmup=50, patience=8, average=2, input_feeding=False, attention="general",
)


def pairs(number, seed):
    chance = random.Random(seed)
    days = [datetime.date(1950, 1, 1) + datetime.timedelta(chance.randrange(36500)) for _ in range(number)]
    written = [format_date(day, chance.choice(FORMATS), locale=chance.choice(LOCALES)) for day in days]
    return Pairs(written, [day.isoformat() for day in days])


@pytest.fixture(scope="module")
def translator(tmp_path_factory):
    torch.set_num_threads(1)
    return translate.train(pairs(6000, 0), pairs(100, 1), OPTIONS, tmp_path_factory.mktemp("dates") / "model")


def test_every_date_is_right(translator):
    test = pairs(400, 2)
    for beam in (None, Beam(3)):
        said = [one.text for one in translator.translate(test.source, beam)]
        assert [(a, b, c) for a, b, c in zip(test.source, said, test.target, strict=True) if b != c] == []


def test_the_year_is_copied_from_where_it_stands(translator):
    test = pairs(200, 3)
    shares = []
    for one, target in zip(translator.translate(test.source), test.target, strict=True):
        source = "".join(one.source_tokens[:-1])
        at = source.find(target[:4])
        if at >= 0:
            shares.append(float(one.weights[:4, at : at + 4].sum(1).mean()))
    assert len(shares) > 100
    assert sum(shares) / len(shares) > 0.5, "most of the attention for the digits of the year is on the year"
