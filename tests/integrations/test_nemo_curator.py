"""NeMo Curator's own stages with our filters: the scores of its filters with fastText, and a batch at once."""

import pickle
import sys

import numpy as np
import pytest

import gradwell.text
from gradwell.errors import DataError, ModelFileError, OptionError
from gradwell.text import train_supervised
from tests.text.oracle import corpus, texts_of

pytest.importorskip("nemo_curator", reason="NeMo Curator is not installed: pip install nemo-curator")
import pandas as pd
from nemo_curator.stages.text.filters import Filter, Score, ScoreFilter
from nemo_curator.tasks import DocumentBatch

from gradwell.integrations.nemo_curator import FastTextLangId, FastTextQualityFilter, ScoreFilterInBatches

TEXTS = [*texts_of(corpus(80)), "", "word\nof two lines\n", "it says __label__0 wört3"]
HQ = "__label__eng_Latn"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    names = ["eng_Latn", "eng_Cyrl", "zho_Hans", "FR", "rus_Cyrl"]
    lines = [f"__label__{names[int(line[9])]}{line[10:]}" for line in corpus(300)]
    path = tmp_path_factory.mktemp("model") / "model.bin"
    train_supervised(lines, dim=8, epoch=10, lr=0.5, minn=2, maxn=3, bucket=2000, thread=1, verbose=0).save_model(path)
    return str(path)


@pytest.fixture(params=["fasttext", "gradwell.text"])
def peer(request, monkeypatch):
    """Curator's own filters, with fastText and with our module in its place."""
    if request.param == "fasttext":
        pytest.importorskip("fasttext", reason="fastText is not installed: pip install fasttext==0.9.3")
    else:
        monkeypatch.setitem(sys.modules, "fasttext", gradwell.text)
    monkeypatch.delitem(sys.modules, "nemo_curator.stages.text.filters.fasttext.fasttext_filters", raising=False)
    from nemo_curator.stages.text.filters.fasttext import fasttext_filters

    return fasttext_filters


def batch():
    return DocumentBatch(dataset_name="some", data=pd.DataFrame({"text": TEXTS, "id": range(len(TEXTS))}))


def result(stage):
    """What a stage makes of a batch, having been set up as Curator does."""
    stage.setup_on_node()
    stage.setup()
    return stage.process(batch()).to_pandas()


@pytest.mark.parametrize("stage", [ScoreFilter, ScoreFilterInBatches])
def test_qualities_are_those_of_curators_own_filter_and_so_are_the_draws(model, peer, stage):
    ours = result(stage(FastTextQualityFilter(model, HQ), "text", "score"))
    theirs = result(ScoreFilter(peer.FastTextQualityFilter(model, HQ), "text", "score"))
    assert 0 < len(theirs) < len(TEXTS)
    assert ours["id"].tolist() == theirs["id"].tolist()
    np.testing.assert_allclose(ours["score"], theirs["score"], atol=1e-5)


@pytest.mark.parametrize("stage", [ScoreFilter, ScoreFilterInBatches])
@pytest.mark.parametrize("lang", [None, "ENG", "eng_latn", "fr", "zho_Hans"])
def test_languages_are_those_of_curators_own_filter(model, peer, stage, lang):
    ours = result(stage(FastTextLangId(model, 0.4, lang), "text", "score"))
    theirs = result(ScoreFilter(peer.FastTextLangId(model, 0.4, lang), "text", "score"))
    assert 0 < len(theirs) < len(TEXTS)
    assert ours["id"].tolist() == theirs["id"].tolist()
    for one, other in zip(ours["score"].map(eval), theirs["score"].map(eval), strict=True):
        assert one == [pytest.approx(other[0], abs=1e-5), other[1]]


def test_score_and_filter_work_apart_and_a_filter_can_be_inverted(model):
    scored = result(Score(FastTextLangId(model), "lang", "text"))
    assert len(scored) == len(TEXTS)
    kept = result(ScoreFilterInBatches(FastTextLangId(model, 0.4, "eng"), "text"))
    dropped = result(ScoreFilterInBatches(FastTextLangId(model, 0.4, "eng"), "text", invert=True))
    assert sorted([*kept["id"], *dropped["id"]]) == list(range(len(TEXTS)))
    stage = Filter(FastTextLangId(model, 0.4, "eng"), "lang")
    again = stage.process(DocumentBatch(dataset_name="some", data=scored)).to_pandas()
    assert again["id"].tolist() == kept["id"].tolist()


def test_other_filters_work_in_batches_as_they_do_elsewhere(model):
    from nemo_curator.stages.text.filters import DocumentFilter

    class Long(DocumentFilter):
        def score_document(self, text):
            return len(text)

        def keep_document(self, score):
            return score > 10

    kept = result(ScoreFilterInBatches([Long(), FastTextLangId(model, 0.0)], "text", ["length", "lang"]))
    assert kept["id"].tolist() == [i for i, text in enumerate(TEXTS) if len(text) > 10]


def test_a_filter_can_be_sent_to_workers_and_leaves_numpys_random_numbers_alone(model):
    np.random.seed(5)
    before = np.random.get_state()[1].tolist()
    step = pickle.loads(pickle.dumps(FastTextQualityFilter(model, HQ)))
    assert isinstance(step.keep_document(step.score_document("wört0")), bool)
    assert np.random.get_state()[1].tolist() == before


def test_what_is_impossible_is_said(model):
    with pytest.raises(OptionError, match="FastTextLangId needs model_path"):
        FastTextLangId()
    with pytest.raises(ModelFileError, match="nowhere does not exist"):
        FastTextLangId("nowhere").model_check_or_download()
    with pytest.raises(DataError, match=r"the score is 0\.5; it must be text"):
        FastTextLangId(model).keep_document(0.5)
