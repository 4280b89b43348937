"""A folder of runs that were really trained, a server over it, and a browser that reaches nothing else."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, Page, Route

import gradwell
from gradwell.doctor.catalogue import rule
from gradwell.doctor.run import Run
from gradwell.text import train_supervised
from gradwell.translate import Options, Translator
from gradwell.translate.model import EncoderDecoder
from gradwell.translate.vocabulary import Vocabulary
from tests.command import GRADWELL

HOSTILE = '<img src=x onerror="document.title=1">'


@dataclass(frozen=True)
class Served:
    """A server: its address, its process."""

    address: str
    process: subprocess.Popen[str]


@contextmanager
def serving(*arguments: str, cwd: Path) -> Iterator[Served]:
    """`gradwell serve` over a folder, until the end of the block."""
    command = [GRADWELL, "serve", *map(str, arguments)]
    process = subprocess.Popen(command, cwd=cwd, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        assert process.stderr
        line = process.stderr.readline()
        found = re.search(r"http://\S+", line)
        assert found, line + process.stderr.read()
        yield Served(found[0], process)
    finally:
        process.kill()
        process.wait()
        assert process.stderr
        process.stderr.close()


def watched(run: Run, folder: Path) -> None:
    """Train a run and keep its record."""
    with gradwell.watch(run.model, run.optimizer, every=1, run_dir=folder):
        run.train()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deep network that cannot learn, one that can, an LSTM, a module with a hostile name, and a file that is no record."""
    root = tmp_path_factory.mktemp("served") / "runs"
    watched(rule("GW201").example(sick=True), root / "sick")
    watched(rule("GW201").example(sick=False), root / "well")
    watched(rule("GW701").example(sick=True), root / "rnn")
    hostile = torch.nn.Sequential()
    hostile.add_module(HOSTILE.replace(".", ""), torch.nn.Linear(2, 2))
    batches = [(torch.ones(4, 2), torch.zeros(4, 2)) for _ in range(5)]
    watched(Run(hostile, torch.optim.SGD(hostile.parameters(), 0.1), batches, torch.nn.functional.mse_loss), root / "hostile")
    (root / "foreign").mkdir()
    (root / "foreign" / "record.sqlite").write_bytes(b"not a record")
    return root


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of greetings and farewells."""
    path = tmp_path_factory.mktemp("classifier")
    lines = ["__label__hello good morning to you", "__label__bye good night and farewell", "__label__hello hello there friend"] * 20
    (path / "train.txt").write_text("\n".join(lines))
    model = train_supervised(str(path / "train.txt"), dim=8, epoch=20, lr=0.5, wordNgrams=2, minn=2, maxn=3, bucket=1000, thread=1)
    model.save_model(str(path / "greetings.bin"))
    return path / "greetings.bin"


@pytest.fixture(scope="session")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A translator that has learned nothing: what it says is no matter here."""
    torch.manual_seed(0)
    options = Options(embedding=8, hidden=16, vocabulary=60)
    words = Vocabulary.learn(["ein mann geht durch die stadt", "a man walks through the town"] * 5, "subwords", 60, False)
    model = EncoderDecoder(options, len(words), len(words))
    path = tmp_path_factory.mktemp("translator") / "small"
    Translator(options, words, words, model).save(path)
    return path


@pytest.fixture(scope="session")
def server(folder: Path, classifier: Path, translator: Path) -> Iterator[Served]:
    """The page over all of it."""
    arguments = ("--port", "0", "--classifier", str(classifier), "--translator", str(translator))
    with serving(str(folder), *arguments, cwd=folder.parent) as served:
        yield served


@contextmanager
def opened(browser: Browser, address: str, width: int = 1100, scheme: str = "light") -> Iterator[Page]:
    """A tab that reaches the server alone; any error, dialog or request elsewhere fails the test."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    trouble: list[str] = []

    def refuse(route: Route) -> None:
        trouble.append(f"asked for {route.request.url}")
        route.abort()

    context.route(lambda url: not url.startswith(address) and not url.startswith(("file:", "data:", "blob:")), refuse)
    page = context.new_page()
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("dialog", lambda dialog: trouble.append(dialog.message))
    try:
        yield page
        assert trouble == []
    finally:
        context.close()
