"""Takes the pictures of docs/serve.md: `python -m docs.screens`, with Chromium at /usr/bin/chromium.

Watches the examples, trains a small text model, serves them with a translator of benchmarks/translate.py, and looks at every view.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
GRADWELL = str(Path(sys.executable).parent / "gradwell")
TRANSLATORS = [ROOT / "gradwell-runs" / "translators" / f"de-en-small-{kind}" for kind in ("multi-head", "coverage")]
SENTENCE = "Ein Mann mit einem orangefarbenen Hut starrt etwas an."
TEXT = "Parse the header of a message and return its content type"
LIBRARIES = ("email", "http", "json", "logging", "xml", "unittest", "multiprocessing", "asyncio")
WIDTH, HEIGHT = 1000, 820


def main() -> None:
    """Make everything, and take every picture."""
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        for name, script in (("digits", "digits.py"), ("digits_cured", "digits_cured.py"), ("lstm", "remember.py"), ("gru", "remember.py")):
            command = [GRADWELL, "run", "--quiet", "--every", "20", "--run-dir", str(where / "gradwell-runs" / name), f"examples/{script}"]
            subprocess.run([*command, *([name] if script == "remember.py" else [])], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        train_text(where)
        arguments = ["--port", "0", "--classifier", str(where / "docstrings.bin")]
        for one in TRANSLATORS:
            arguments += ["--translator", str(one)] if one.is_dir() else []
        process = subprocess.Popen([GRADWELL, "serve", "gradwell-runs", *arguments], cwd=where, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stderr
            found = re.search(r"http://\S+", process.stderr.readline())
            assert found
            look(found[0])
        finally:
            process.kill()


def train_text(where: Path) -> None:
    """A classifier of this Python's docstrings, by the library they belong to."""
    from gradwell.lab.tasks.docstrings import by_library
    from gradwell.text import train_supervised

    lines = [f"__label__{label} {text}" for label, text in by_library(LIBRARIES, random.Random(0))[0]]
    (where / "train.txt").write_text("\n".join(lines), encoding="utf-8")
    model = train_supervised(str(where / "train.txt"), epoch=25, lr=0.5, wordNgrams=2, dim=32, thread=1, verbose=0)
    model.save_model(str(where / "docstrings.bin"))


def look(address: str) -> None:
    """Open every view."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})

        def view(place: str) -> Page:
            page.goto("about:blank")
            page.goto(address + place)
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(1500)
            return page

        def take(name: str) -> None:
            page.mouse.move(0, 0)
            page.screenshot(path=ROOT / "docs" / f"serve-{name}.png")

        view("")
        page.wait_for_function("document.querySelectorAll('td:nth-child(6)').length && "
                               "[...document.querySelectorAll('td:nth-child(6)')].every((cell) => cell.textContent)")
        take("runs")
        view("#/run/digits").get_by_role("button", name="GW201").click()
        page.wait_for_timeout(1500)
        take("run")
        view("#/run/digits/layers")
        take("layers")
        view("#/run/lstm/time").get_by_label("Laid over").select_option("gru")
        page.wait_for_timeout(1000)
        take("time")
        view("#/text").locator("textarea").fill(TEXT)
        page.get_by_role("button", name="Classify").click()
        page.wait_for_timeout(1500)
        take("text")
        view("#/lab/sigmoid-gradient-dies")
        take("lab")
        if TRANSLATORS[0].is_dir():
            view("#/translate").locator("textarea").fill(SENTENCE)
            page.get_by_label("Beside it").select_option(index=min(2, len(TRANSLATORS)))
            page.get_by_role("button", name="Translate", exact=True).click()
            page.wait_for_selector("canvas.heat")
            page.wait_for_timeout(3000)
            take("translate")
        browser.close()


if __name__ == "__main__":
    main()
