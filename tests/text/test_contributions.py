import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradwell.errors import DataError
from gradwell.text import train_supervised, train_unsupervised
from gradwell.text.contributions import contributions, parts

LINES = ["__label__a sun and moon", "__label__b rain on the roof", "__label__c snow snow snow", "__label__a sun on snow"] * 10
WORDS = st.lists(st.sampled_from(["sun", "moon", "rain", "snow", "the", "unheard", "žluťoučký", "__label__a"]), max_size=8).map(" ".join)


@pytest.fixture(scope="module", params=[("softmax", 1, 0), ("softmax", 3, 4), ("hs", 2, 0), ("ova", 2, 3), ("ns", 1, 3)], ids=str)
def model(request, tmp_path_factory):
    loss, words, characters = request.param
    path = tmp_path_factory.mktemp("text") / "train.txt"
    path.write_text("\n".join(LINES))
    made = train_supervised(str(path), loss=loss, wordNgrams=words, minn=2 if characters else 0, maxn=characters, dim=6, epoch=8, lr=0.5,
                            bucket=500, thread=1, minCount=1)
    return made.model


@settings(max_examples=40, deadline=None)
@given(text=WORDS)
def test_what_the_parts_add_is_the_score_and_the_parts_are_the_models_own(model, text):
    found = contributions(model, text)
    data = " ".join(text.split()).encode() + b"\n"
    rows, _, _ = model.dictionary.line(data, model.options, b"__label__")
    assert sorted(row for _, _, row in parts(model, data)) == sorted(rows)
    assert found.added.sum(0) == pytest.approx(found.scores)
    if not rows:
        return
    hidden = model.sentence_vector(text)
    if model.options.loss == "softmax":
        every = model.output[:, : model.options.dim] @ hidden
        share = np.exp(every - every.max()) / np.exp(every - every.max()).sum()
        assert [share[model.label_id(label)] for label in found.labels] == pytest.approx(found.probabilities, abs=1e-4)
        assert [every[model.label_id(label)] for label in found.labels] == pytest.approx(found.scores, abs=1e-3)


def test_parts_are_words_n_grams_of_words_and_n_grams_of_characters(model):
    found = contributions(model, "sun on snow")
    kinds = set(found.kinds)
    assert "word" in kinds
    assert ("words" in kinds) == (model.options.wordNgrams > 1)
    assert ("characters" in kinds) == (model.options.maxn > 0)


def test_word_vectors_have_no_labels(tmp_path):
    (tmp_path / "text.txt").write_text("sun and moon and rain\n" * 30)
    model = train_unsupervised(str(tmp_path / "text.txt"), dim=4, epoch=1, thread=1, minCount=1).model
    with pytest.raises(DataError, match="have no labels"):
        contributions(model, "sun")
