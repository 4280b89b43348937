"""Tokens, hashes and n-grams are fastText's, bit for bit: in plain Python and in the kernels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradwell.text import hashing
from gradwell.text.dictionary import Dictionary
from gradwell.text.kernels import predicting, reading
from gradwell.text.prediction import lines, words
from tests.text.oracle import CHECK, mirror

fasttext = pytest.importorskip("fasttext")

GOLDEN = {
    "": 2166136261, "a": 3826002220, "the": 3020861980, "</s>": 3617362777, "é": 1023043777, "中": 3930512628,
    "__label__1": 1406357688, "<he": 1133188580,
}
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)  # all of Unicode, NUL, CR and LF included
PIECES = ["a", "b", "é", "中", "</s>", "__label__a", "__label__z", " ", " ", "\0", "\r", "\t", "\v", "\f", "\u00a0", "\u2003", "\u0085"]
SPACED = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
LARGE = (1_000_003, 999_983)  # two primes: the rest by both tells any 32-bit number


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two models, ours and upstream's, whose rows say which n-grams a line has; their buckets are few and their n-grams of both kinds."""
    path = tmp_path_factory.mktemp("mirror") / "mirror.bin"
    ours = mirror(path, [b"</s>", b"a", b"b", "é".encode(), b"ab"], 97, wordNgrams=3, minn=1, maxn=3)
    return ours, fasttext.load_model(str(path))


@pytest.fixture(scope="module")
def hashers(tmp_path_factory):
    """Upstream models whose subword ids give away the hash."""
    folder = tmp_path_factory.mktemp("hash")
    found = []
    for bucket in LARGE:
        path = folder / f"{bucket}.bin"
        text = folder / "text.txt"
        text.write_text("a b c\n")
        model = fasttext.train_unsupervised(str(text), dim=1, minCount=1, epoch=0, bucket=bucket, thread=12, verbose=0)
        model.save_model(str(path))
        found.append(fasttext.load_model(str(path)))
    return found


def fnv_in_the_kernel(word):
    data = np.frombuffer(word, np.uint8)
    hashes = np.empty(1, np.uint32)
    reading.hash_words(data, np.array([0, len(data)]), hashes)
    return int(hashes[0])


@pytest.mark.parametrize("word", GOLDEN)
def test_a_golden_hash_is_met(word):
    assert hashing.fnv(word.encode()) == fnv_in_the_kernel(word.encode()) == GOLDEN[word]


def test_the_golden_word_ngram_is_met():
    assert list(hashing.word_ngrams([hashing.fnv(b"hello"), hashing.fnv(b"world")], 2)) == [155022432149485020]


@CHECK
@given(ANY)
def test_a_hash_is_upstreams(hashers, word):
    ours = hashing.fnv(word.encode())
    assert fnv_in_the_kernel(word.encode()) == ours
    for model, bucket in zip(hashers, LARGE, strict=True):
        assert model.get_subword_id(word) == len(model.words) + ours % bucket


@CHECK
@given(ANY, st.integers(1, 4), st.integers(0, 4))
def test_the_kernel_finds_the_character_ngrams_of_plain_python(word, minn, more):
    data, maxn = np.frombuffer(word.encode(), np.uint8), minn + more
    expected = [hashing.fnv(ngram) % 1000 for ngram in hashing.character_ngrams(word.encode(), minn, maxn)]
    nothing = np.empty(0, np.int32)
    n = reading.character_ngrams(data, 0, len(data), minn, maxn, 1, nothing, 0)
    out = np.empty(max(n, 1), np.int32)
    assert reading.character_ngrams(data, 0, len(data), minn, maxn, 1000, out, 0) == n
    assert out[:n].tolist() == expected


@CHECK
@given(st.text(st.characters(exclude_categories=["Cs", "Zs", "Cc"]), min_size=1, max_size=12))
def test_subwords_and_their_rows_are_upstreams(pair, word):
    ours, theirs = pair
    names, ids = theirs.get_subwords(word)
    assert [(name.encode(), row) for name, row in zip(names, ids.tolist(), strict=True)] == ours.full_subwords(word)


@CHECK
@given(ANY | SPACED)
def test_tokens_are_upstreams(text):
    assert [token.decode() for token in hashing.tokens(text.encode())] == fasttext.tokenize(text)


@CHECK
@given(SPACED | ANY)
def test_a_line_has_the_rows_that_upstream_gives_it(pair, text):
    ours, theirs = pair
    line = text.replace("\n", " ") + "\n"
    counted = np.zeros(ours.options.dim)
    rows, labels, _ = ours.dictionary.line(line.encode(), ours.options, b"__label__")
    np.add.at(counted, rows, 1 / max(len(rows), 1))
    np.testing.assert_allclose(counted, theirs.get_sentence_vector(line[:-1]), atol=1e-6)
    assert [ours.labels[i] for i in labels] == [token for token in theirs.get_line(line[:-1])[1] if token in ours.labels]


@CHECK
@given(st.binary(max_size=60) | (SPACED | ANY).map(str.encode))
def test_the_kernel_gives_a_line_the_rows_of_plain_python(pair, text):
    model, _ = pair
    data, starts = lines(np.frombuffer(text, np.uint8))
    n = len(starts) - 1
    sizes, label_sizes = np.zeros(n, np.int64), np.zeros(n, np.int64)
    rows, labels = np.full(10_000, -1, np.int64), np.full(100, -1, np.int32)
    predicting.features(data, starts, 0, n, words(model), sizes, label_sizes, rows, labels)
    at = label_at = 0
    for i in range(n):
        expected, labels_expected, _ = model.dictionary.line(data[starts[i] : starts[i + 1]].tobytes(), model.options, b"__label__")
        assert rows[at : at + sizes[i]].tolist() == expected
        assert labels[label_at : label_at + label_sizes[i]].tolist() == labels_expected
        at, label_at = at + sizes[i], label_at + label_sizes[i]


def test_a_dictionary_knows_its_own_hashes():
    entries = ["", "a", "é", "中" * 50]
    dictionary = Dictionary.of([entry.encode() for entry in entries], np.ones(4), 4, 4)
    assert dictionary.hashes.tolist() == [hashing.fnv(entry.encode()) for entry in entries]
