"""datatrove's pipelines with our filters: the answers of its own filters with fastText, document by document."""

import json
import pickle
import sys
import types

import numpy as np
import pytest

import gradwell.text
from gradwell.errors import OptionError
from gradwell.text import train_supervised
from tests.text.oracle import corpus, texts_of

pytest.importorskip("datatrove", reason="datatrove is not installed: pip install 'gradwell[datatrove]'")
from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.filters import fasttext_filter, language_filter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.text import SPLIT_TEXT_DOCUMENTS, SPLIT_TEXT_PARAGRAPHS, SPLIT_TEXT_SENTENCES

from gradwell.integrations.datatrove import FastTextClassifierFilter, LanguageFilter

TEXTS = [
    *texts_of(corpus(60)), "", "  ", "word\nof two lines\n", "wört0 of the1\n\nwört1 and wört2 of\n\nwört3 中文",
    "One wört0 here. Two wört1 there!",
]

COUNTS = ("kept_span", "removed_span", "forwarded", "dropped")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model whose labels are languages with scripts."""
    names = ["eng_Latn", "deu_Latn", "zho_Hans", "fra_Latn", "rus_Cyrl"]
    lines = [f"__label__{names[int(line[9])]}{line[10:]}" for line in corpus(300)]
    path = tmp_path_factory.mktemp("model") / "model.bin"
    train_supervised(lines, dim=8, epoch=10, lr=0.5, minn=2, maxn=3, bucket=2000, thread=1, verbose=0).save_model(path)
    return str(path)


@pytest.fixture
def peer(monkeypatch):
    """datatrove's own filters, whatever fastText there is: they ask for one of many packages, and 0.9.3 needs a word for NumPy 2."""
    fasttext = pytest.importorskip("fasttext.FastText", reason="fastText is not installed: pip install fasttext==0.9.3")
    numpy_1 = types.SimpleNamespace(**{**vars(np), "array": lambda values, copy=None, **more: np.array(values, **more)})
    monkeypatch.setattr(fasttext, "np", numpy_1)
    for kind in (fasttext_filter.FastTextClassifierFilter, language_filter.LanguageFilter):
        monkeypatch.setattr(kind, "_requires_dependencies", [])
    monkeypatch.setattr(fasttext_filter, "cached_asset_path_or_download", lambda path, **_: path)  # the model is here already
    return fasttext


def documents():
    return [Document(text, str(i)) for i, text in enumerate(TEXTS)]


def outcome(step):
    """What a filter makes of the documents: those it keeps, those it drops, and its counts."""
    given = documents()
    kept = [doc.id for doc in step.run(iter(given))]
    counts = {name: step.stats.stats[name].total for name in COUNTS if name in step.stats.stats}
    return kept, given, counts


def same(ours, theirs):
    """Whether two filters did the same."""
    (kept, given, counts), (other_kept, others, other_counts) = outcome(ours), outcome(theirs)
    assert kept == other_kept
    assert counts == other_counts
    for one, other in zip(given, others, strict=True):
        assert one.text == other.text
        assert one.metadata.keys() == other.metadata.keys()
        for name, value in other.metadata.items():
            assert one.metadata[name] == (value if isinstance(value, str) else pytest.approx(value, abs=1e-5))
    return kept


@pytest.mark.parametrize("mode", [SPLIT_TEXT_DOCUMENTS, SPLIT_TEXT_PARAGRAPHS, SPLIT_TEXT_SENTENCES])
@pytest.mark.parametrize("labels", [
    {"keep_labels": ("eng_Latn", 0.4)}, {"remove_labels": [("eng_Latn", 0.4), ("deu_Latn", 0.5)]},
    {"keep_labels": [("zho_Hans", 0.3)], "save_labels_in_metadata": False, "newline_replacement": " "},
], ids=["keep", "remove", "no metadata"])
def test_documents_are_kept_and_annotated_as_by_datatroves_own_classifier_filter(model, peer, labels, mode):
    theirs = fasttext_filter.FastTextClassifierFilter(model, filter_mode=mode, **labels)
    kept = same(FastTextClassifierFilter(model, filter_mode=mode, batch_size=7, **labels), theirs)
    assert 0 < len(kept) < len(TEXTS)


@pytest.mark.parametrize("options", [
    {"languages": ["eng_Latn", "deu_Latn"], "language_threshold": 0.4}, {"language_threshold": 0.5}, {"languages": "zho_Hans"},
    {"label_only": True}, {"keep_top_pairs_threshold": 0.1},
    {"languages": ["eng_Latn"], "keep_top_pairs_threshold": 0.0, "label_only": True},
], ids=str)
@pytest.mark.parametrize("backend", ["glotlid", "ft176"])
def test_languages_are_told_as_by_datatroves_own_language_filter(model, peer, options, backend):
    theirs = language_filter.LanguageFilter(backend=backend, **options)
    theirs.model._model = peer._FastText(model)
    same(LanguageFilter(model, backend=backend, batch_size=7, **options), theirs)


@pytest.mark.parametrize("labels", [None, ("eng_Latn", 0.4)], ids=["annotate", "keep"])
def test_a_whole_pipeline_runs_with_our_filter(model, tmp_path, labels):
    (tmp_path / "in").mkdir()
    rows = [{"text": text, "id": str(i)} for i, text in enumerate(TEXTS)]
    (tmp_path / "in" / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    step = FastTextClassifierFilter(model, keep_labels=labels)
    again = pickle.loads(pickle.dumps(step))
    assert again.model.labels == step.model.labels
    assert "model" not in pickle.loads(pickle.dumps(step)).__dict__  # each process loads its own
    pipeline = [JsonlReader(str(tmp_path / "in")), step, JsonlWriter(str(tmp_path / "out"), "${rank}.jsonl", compression=None)]
    LocalPipelineExecutor(pipeline, logging_dir=str(tmp_path / "logs"), skip_completed=False).run()
    found = [json.loads(line) for line in (tmp_path / "out" / "00000.jsonl").read_text().splitlines()]
    lines = [text.strip().replace("\n", "") for text in TEXTS]
    answers = [dict(zip(names, scores.tolist(), strict=True)) for names, scores in zip(*step.model.predict(lines, k=-1), strict=True)]
    wanted = [i for i, text in enumerate(TEXTS) if text.strip() and (not labels or answers[i]["__label__eng_Latn"] >= 0.4)]
    assert [int(row["id"]) for row in found] == wanted
    for row, i in zip(found, wanted, strict=True):
        values = {name: value for name, value in row["metadata"].items() if name.startswith("__label__")}
        assert values == pytest.approx(answers[i])


def test_datatroves_own_filter_takes_our_module_for_fasttext(model, peer, monkeypatch):
    theirs = outcome(fasttext_filter.FastTextClassifierFilter(model, keep_labels=("eng_Latn", 0.4)))
    monkeypatch.setitem(sys.modules, "fasttext", gradwell.text)
    monkeypatch.setitem(sys.modules, "fasttext.FastText", gradwell.text.FastText)
    step = fasttext_filter.FastTextClassifierFilter(model, keep_labels=("eng_Latn", 0.4))
    assert isinstance(step.model, gradwell.text.FastText._FastText)
    ours = outcome(step)
    assert ours[0] == theirs[0]
    for one, other in zip(ours[1], theirs[1], strict=True):
        assert one.metadata == pytest.approx(other.metadata, abs=1e-5)


def test_what_is_impossible_is_said(model):
    with pytest.raises(OptionError, match="a filter takes one of them"):
        FastTextClassifierFilter(model, keep_labels=("a", 0.5), remove_labels=("b", 0.5))
    with pytest.raises(OptionError, match=r"'nld' is not a label of .*; it has 5, such as .*eng_Latn"):
        FastTextClassifierFilter(model, keep_labels=("nld", 0.5)).filter(documents()[0])
    with pytest.raises(OptionError, match="it can be ft176 or glotlid"):
        LanguageFilter(model, backend="cld3")
