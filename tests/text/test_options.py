"""Options by fastText's names, checked."""

import pytest

from gradwell.errors import OptionError
from gradwell.text.options import SUPERVISED, UNSUPERVISED, build


def test_defaults_are_those_of_fasttext():
    assert (SUPERVISED.lr, SUPERVISED.minCount, SUPERVISED.maxn, SUPERVISED.loss) == (0.1, 1, 0, "softmax")
    assert (UNSUPERVISED.lr, UNSUPERVISED.minCount, UNSUPERVISED.minn, UNSUPERVISED.maxn, UNSUPERVISED.loss) == (0.05, 5, 3, 6, "ns")


def test_other_names_mean_the_same():
    assert build(SUPERVISED, word_ngrams=2, min_count=3, loss="one-vs-all") == build(SUPERVISED, wordNgrams=2, minCount=3, loss="ova")


def test_without_ngrams_there_are_no_buckets():
    assert build(SUPERVISED).bucket == 0
    assert build(SUPERVISED, wordNgrams=2).bucket == 2_000_000


@pytest.mark.parametrize(("name", "value"), [
    ("dim", 0), ("dim", -3), ("epoch", -1), ("thread", 10_000), ("thread", -1), ("lr", -1.0), ("lr", float("nan")), ("lr", "fast"),
    ("dim", 2.5), ("wordNgrams", 0), ("loss", "mse"), ("label", 7), ("neg", None), ("bucket", 2**40),
])
def test_an_impossible_value_is_named(name, value):
    with pytest.raises(OptionError, match=name):
        build(SUPERVISED, **{name: value})


def test_ngrams_need_rows():
    with pytest.raises(OptionError, match="bucket is 0"):
        build(SUPERVISED, wordNgrams=2, bucket=0)
    with pytest.raises(OptionError, match="minn is 5 and maxn 3"):
        build(SUPERVISED, minn=5, maxn=3)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(TypeError, match="minCount"):
        build(SUPERVISED, mincount=1)


def test_a_name_given_twice_is_refused():
    with pytest.raises(TypeError, match="multiple values"):
        build(SUPERVISED, minCount=1, min_count=2)


def test_no_thread_number_means_all_processors():
    assert build(SUPERVISED, thread=0).threads >= 1
