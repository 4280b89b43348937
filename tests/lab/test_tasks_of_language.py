"""The texts and the languages that experiments are measured on are what they say."""

import random
from collections import Counter

import pytest
import torch

from gradwell.errors import DataError, OptionError
from gradwell.lab.tasks.docstrings import by_file, by_library, docstrings
from gradwell.lab.tasks.order import FIRST, SECOND, ordered, shuffled
from gradwell.lab.tasks.translation import ORDERS, Language


@pytest.mark.parametrize("order", ORDERS)
def test_each_word_of_a_translation_is_that_of_the_word_it_is_aligned_with(order):
    torch.manual_seed(0)
    language = Language.of(20, order)
    for source, target, alignment in zip(*language.sentences(30, 7), strict=True):
        assert sorted(alignment.tolist()) == list(range(7))
        assert [language.lexicon[source[j]] for j in alignment] == target.tolist()


def test_the_orders_are_those_of_their_names():
    def places(order):
        torch.manual_seed(0)
        source, _, alignment = Language.of(20, order).sentences(1, 6)
        return source[0].tolist(), alignment[0].tolist()

    assert places("same")[1] == list(range(6))
    assert places("reversed")[1] == list(reversed(range(6)))
    source, alignment = places("kinds")
    assert alignment == [j for j in range(6) if source[j] % 2 == 0] + [j for j in range(6) if source[j] % 2]


def test_an_order_that_there_is_not_is_refused_by_name():
    with pytest.raises(OptionError, match="'sorted' is no order of words; the orders are same, reversed, kinds"):
        Language.of(20, "sorted")


def test_both_words_are_in_every_text_and_the_first_is_its_label():
    for label, text in ordered(50, fillers=10, gap=2, kinds=5, generator=random.Random(0)):
        words = text.split()
        assert len(words) == 12
        assert sorted(word for word in words if word in (FIRST, SECOND)) == [FIRST, SECOND]
        assert next(word for word in words if word in (FIRST, SECOND)) == label
        assert abs(words.index(FIRST) - words.index(SECOND)) == 3


def test_shuffled_texts_have_the_same_words():
    texts = ordered(20, fillers=10, gap=0, kinds=5, generator=random.Random(0))
    for (label, text), (same, other) in zip(texts, shuffled(texts, random.Random(1)), strict=True):
        assert label == same
        assert Counter(text.split()) == Counter(other.split())


def test_no_file_of_a_library_is_both_learned_from_and_tested_on():
    train, test = by_library(("json", "logging"), random.Random(0))
    for library in ("json", "logging"):
        learned, tested = ({text for label, text in texts if label == library} for texts in (train, test))
        for file in dict(docstrings(library)):
            own = {text for name, text in docstrings(library) if name == file}
            assert own <= learned or own <= tested


def test_only_the_files_with_most_docstrings_are_labels():
    train, test = by_file(("logging", "json"), 2, random.Random(0))
    most = Counter(f"{library}/{file}" for library in ("logging", "json") for file, _ in docstrings(library)).most_common(2)
    assert Counter(label for label, _ in [*train, *test]) == dict(most)


def test_a_library_that_python_does_not_have_is_refused_by_name():
    with pytest.raises(DataError, match="no folder of a library named 'sunshine'"):
        docstrings("sunshine")
