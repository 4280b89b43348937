"""Sentences to numbers and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradwell.errors import ModelFileError
from gradwell.translate.pairs import clean
from gradwell.translate.vocabulary import EOS, UNK, Vocabulary

TEXTS = ["a dog runs.", "the dog, the cat", "two dogs run in 1984", "cats run"]
SUBWORDS = Vocabulary.learn(TEXTS, "subwords", 100, False)
CHARACTERS = Vocabulary.learn(TEXTS, "characters", 100, False)


@pytest.mark.parametrize("vocabulary", [SUBWORDS, CHARACTERS], ids=["subwords", "characters"])
@pytest.mark.parametrize("text", TEXTS)
def test_a_known_sentence_comes_back_as_it_was(vocabulary, text):
    ids = vocabulary.encode([text])[0]
    assert ids[-1] == EOS
    assert vocabulary.decode(ids) == text


@given(st.lists(st.sampled_from("abdegorstu ."), max_size=20).map("".join).map(clean))
def test_any_sentence_of_known_characters_comes_back(text):
    for vocabulary in (SUBWORDS, CHARACTERS):
        ids = vocabulary.encode([text])[0]
        if UNK not in ids:
            assert vocabulary.decode(ids) == text


def test_characters_never_seen_are_unknown_and_left_out():
    ids = SUBWORDS.encode(["the 狗 dog"])[0]
    assert UNK in ids
    assert "dog" in SUBWORDS.decode(ids)
    assert SUBWORDS.encode(["狗"])[0].count(UNK) >= 1


def test_lowercase_forgets_capitals():
    vocabulary = Vocabulary.learn(TEXTS, "subwords", 100, True)
    assert vocabulary.encode(["The DOG"]) == vocabulary.encode(["the dog"])


def test_a_vocabulary_survives_json():
    assert Vocabulary.parse(SUBWORDS.dump(), "it").encode(TEXTS) == SUBWORDS.encode(TEXTS)


@pytest.mark.parametrize("text", ["", "{}", "[1]", "nonsense"])
def test_what_is_no_vocabulary_is_refused(text):
    with pytest.raises(ModelFileError, match=r"file\.json"):
        Vocabulary.parse(text, "file.json")
