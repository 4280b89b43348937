"""Translators side by side: no attention and each kind of it, on the same pairs with the same options.

    python benchmarks/translate.py                       # all, German-English and Chinese-English (hours)
    python benchmarks/translate.py de-en additive none   # some; the page keeps what was measured before

Each is trained in full by `gradwell.translate.train`, on as many threads as the page says, and measured on pairs that
training never saw: BLEU as sacrebleu counts it (13a), as it is and lowercased, greedily and with a beam of five. The
translators stay in gradwell-runs/translators: what was interrupted goes on, and what is there is only measured.
Writes docs/translate-quality.json and, from it, docs/translate-quality.md.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

import torch

import gradwell
from gradwell import translate
from gradwell.nets.attention import KINDS
from gradwell.translate import Beam, Options, Pairs, Translator
from gradwell.translate.pairs import held_out
from gradwell.translate.precision import has_bf16
from gradwell.translate.scoring import bleu, chrf

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("GRADWELL_DATA", ROOT.parent / "shared" / "data")) / "translate"
PAGE, FIGURES = ROOT / "docs" / "translate-quality.md", ROOT / "docs" / "translate-quality.json"
OPTIONS = Options(epochs=12, dropout=0.35, precision="bf16-mixed" if has_bf16() else "32-true")
SMALL = OPTIONS.with_(vocabulary=2000, embedding=128, hidden=192, dropout=0.15, epochs=6, lr=2e-3, batch_tokens=2000)
LANGUAGES = {
    "de-en": ("German-English, Multi30k, 29,000 captions; measured on test_2016_flickr", OPTIONS),
    "de-en-small": ("The same, much smaller and in six epochs: every kind of attention side by side", SMALL),
    "zh-en": (
        "Chinese-English, Tatoeba, split by English sentence",
        OPTIONS.with_(source_units="characters", shared_vocabulary=False, vocabulary=4000, dropout=0.4),
    ),
}
CASES = ("none", *KINDS)
LENGTHS = [(1, 9), (10, 14), (15, 19), (20, 99)]  # words of the source


def main() -> None:
    """Measure what was asked for, and write the page."""
    languages = [name for name in sys.argv[1:] if name in LANGUAGES] or [*LANGUAGES]
    kinds = [name for name in sys.argv[1:] if name not in LANGUAGES] or [*CASES]
    unknown = [kind for kind in kinds if kind not in CASES]
    if unknown:
        sys.exit(f"{unknown[0]!r} is neither a kind of attention ({', '.join(CASES)}) nor a pair ({', '.join(LANGUAGES)})")
    for language in languages:
        for kind in kinds:
            figures = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
            figures[f"{language} {kind}"] = measured(language, kind)
            FIGURES.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
            PAGE.write_text(page(figures))
            print(f"{language} {kind}: {figures[f'{language} {kind}']}", file=sys.stderr)


def data(language: str) -> tuple[Pairs, Pairs, Pairs]:
    """Pairs to learn from, to watch and to measure on."""
    if language.startswith("de-en"):
        folder = DATA / "multi30k"
        train, valid, test = (translate.read(folder / f"{part}.de", folder / f"{part}.en") for part in ("train", "val", "test_2016_flickr"))
        return train, valid, test
    table = translate.read(DATA / "tatoeba-zh-en.txt")
    rest, test = held_out(Pairs(table.target, table.source, table.name))
    train, valid = held_out(rest)
    return train, valid, test


def measured(language: str, kind: str) -> dict[str, Any]:
    """Train one translator and measure it."""
    train, valid, test = data(language)
    options = LANGUAGES[language][1].with_(attention=kind)
    folder = ROOT / "gradwell-runs" / "translators" / f"{language}-{kind}"
    if (folder / "config.json").exists():
        made = translate.load(folder)
    else:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        made = translate.train(train, valid, options, folder, lambda epoch: print(epoch, file=sys.stderr, flush=True))
        torch.set_num_threads(threads)
    result: dict[str, Any] = {
        "parameters": made.parameters, "epochs": len(made.history), "threads": torch.get_num_threads(),
        "minutes": sum(epoch["seconds"] for epoch in made.history) / 60,
        "pairs": len(train), "test": len(test), "precision": made.options.precision,
    }
    said, speed = translated(translate.load(folder, bf16=True), test, None)
    result |= {"bf16": bleu(said, test.target).score, "bf16_speed": speed}
    for name, beam in (("greedy", None), ("beam", Beam(5))):
        said, speed = translated(made, test, beam)
        result |= {
            name: bleu(said, test.target).score, f"{name}_lower": bleu(said, test.target, lowercase=True).score,
            f"{name}_chrf": chrf(said, test.target).score, f"{name}_speed": speed, "signature": bleu(said, test.target).signature,
        }
    result["by_length"] = [by_length(said, test, low, high) for low, high in LENGTHS]
    return result


def translated(made: Translator, test: Pairs, beam: Beam | None) -> tuple[list[str], float]:
    """Translations, and sentences a second: the best of five times."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        said = [one.text for one in made.translate(test.source, beam)]
        times.append(time.perf_counter() - started)
    return said, len(said) / min(times)


def by_length(said: list[str], test: Pairs, low: int, high: int) -> tuple[int, float]:
    """How many sources have so many words, and the BLEU of their translations."""
    some = [i for i, text in enumerate(test.source) if low <= (len(text.split()) if " " in test.source[0] else len(text)) <= high]
    return len(some), bleu([said[i] for i in some], [test.target[i] for i in some]).score if some else 0.0


def page(figures: dict[str, Any]) -> str:
    """The page."""
    machine = f"{platform.machine()}, Python {platform.python_version()}, PyTorch {torch.__version__}, Gradwell {gradwell.__version__}"
    lines = [
        "# Translators, with and without attention", "",
        f"{machine}. Made by `python benchmarks/translate.py`; all trained alike, but for the attention and for the precision, which is "
        "that of the machine (one with bfloat16 uses it; the general kind of the small recipe came to 28.9 / 29.9 in single precision). "
        "BLEU of beam five by length of the source shows what attention is for: the fixed vector forgets long sentences.", "",
    ]
    for language, (about, options) in LANGUAGES.items():
        rows = {key.split()[1]: row for key, row in figures.items() if key.split()[0] == language}
        if not rows:
            continue
        first = next(iter(rows.values()))
        lines += [
            f"## {about}", "",
            f"{first['pairs']:,} pairs to learn from, {first['test']:,} to measure on, "
            f"{options.epochs} epochs. Trained on one thread, two trainings side by side on two cores. In each cell "
            "greedily / with a beam of five; the last column is greedy in bfloat16, its BLEU and speed. "
            f"sacrebleu: `{first['signature']}`, and lowercased.", "",
            "| attention | parameters | trained in | minutes | BLEU | BLEU, lowercased | chrF | sentences a second | bfloat16 |",
            "|---|--:|---|--:|--:|--:|--:|--:|--:|",
        ]
        for kind in CASES:
            if row := rows.get(kind):
                both = " | ".join(f"{row[f'greedy{what}']:.1f} / {row[f'beam{what}']:.1f}" for what in ("", "_lower", "_chrf"))
                speed = f"{row['greedy_speed']:.0f} / {row['beam_speed']:.0f}, threads: {row['threads']}"
                half = f"{row['bf16']:.1f}, {row['bf16_speed']:.0f}"
                size = f"{row['parameters'] / 1e6:.1f} M | {row['precision']} | {row['minutes']:.0f}"
                lines.append(f"| {kind} | {size} | {both} | {speed} | {half} |")
        heads = " | ".join(f"{low}-{high}" if high < 99 else f"{low} and more" for low, high in LENGTHS)
        unit = "characters" if options.source_units == "characters" else "words"
        lines += ["", f"BLEU with a beam of five by {unit} of the source (sentences):", "", f"| attention | {heads} |"]
        lines += ["|---|" + "--:|" * len(LENGTHS)]
        for kind in CASES:
            if row := rows.get(kind):
                lines.append(f"| {kind} | " + " | ".join(f"{score:.1f} ({n})" for n, score in row["by_length"]) + " |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
