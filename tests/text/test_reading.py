"""A text becomes the tokens, words and labels that fastText finds in it, whatever its bytes are."""

import collections
import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gradwell.errors import DataError
from gradwell.text import corpus as corpora
from gradwell.text import files, hashing, train_supervised
from gradwell.text.options import SUPERVISED, build
from gradwell.text.sources import bytes_of
from tests.text.oracle import CHECK, QUIET

fasttext = pytest.importorskip("fasttext")

PIECES = [
    b"a", b"bc", b"</s>", b"__label__x", b"__label__y", b"__label__", b" ", b" ", b"\n", b"\n", b"\r\n", b"\t", b"\0", b"\v", b"\f",
    "\u00a0".encode(), "中".encode(), b"\xff\xfe", b"\xc3", b"\x80", b"</s", b"/s>",
]
TEXT = st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join)
HARD = {
    "NUL": b"a\0b\0\0c\n", "CRLF": b"a b\r\nc\r\n", "no newline at the end": b"a b\nc d", "a literal end of line": b"a </s> b\nc</s>\n",
    "a no-break space": "a\u00a0b c\n".encode(), "invalid UTF-8": b"\xff\xfe \xc3( a\n", "empty lines": b"\n\na\n\n",
    "every separator": b" a\t\vb\f\rc\n",
}


def scanned(data):
    return corpora.scan(np.frombuffer(data, np.uint8))


def words_of(found):
    return [found.word(kind) for kind in found.tokens.tolist()]


def upstreams(data, folder, **options):
    """The words and labels of upstream's dictionary with their counts, in its order, and its number of tokens."""
    (folder / "text.txt").write_bytes(data)
    model = fasttext.train_supervised(str(folder / "text.txt"), epoch=0, dim=1, **QUIET, **options)
    model.save_model(str(folder / "model.bin"))
    return files.load(folder / "model.bin").dictionary


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("reading")


@CHECK
@given(TEXT)
@example(b"")
def test_the_kernel_finds_the_tokens_of_plain_python(data):
    found, expected = scanned(data), list(hashing.tokens(data))
    assert words_of(found) == expected
    counted = collections.Counter(expected)
    assert {found.word(kind): n for kind, n in enumerate(found.counts.tolist()) if n} == counted


@CHECK
@given(TEXT)
def test_every_kind_of_token_has_its_own_hash_and_number(data):
    found = scanned(data)
    kinds = [found.word(kind) for kind in range(len(found.counts))]
    assert len(set(kinds)) == len(kinds)
    assert found.hashes.tolist() == [hashing.fnv(kind) for kind in kinds]


@CHECK
@given(TEXT)
def test_a_line_ends_at_its_newline_or_a_literal_end(data):
    found = scanned(data)
    lines, line = [], []
    for token in hashing.tokens(data):
        line.append(token)
        if token == b"</s>":
            lines.append(line)
            line = []
    lines += [line] if line else []
    tokens, ptr = words_of(found), found.line_ptr.tolist()
    assert [tokens[a:b] for a, b in itertools.pairwise(ptr)] == lines


def test_a_text_with_more_words_than_the_first_table_holds_is_read_whole():
    expected = [f"w{i}".encode() for i in range(70_000)]
    found = scanned(b" ".join(expected) + b"\n" + b" ".join(expected[::-1]))
    assert words_of(found) == [*expected, b"</s>", *expected[::-1]]
    assert (found.counts[1:] == 2).all()


def compared(data, folder, **options):
    """Compare our dictionary with upstream's."""
    theirs = upstreams(data, folder, **options)
    ours = corpora.vocabulary(scanned(data), build(SUPERVISED, **options))
    assert (ours.nwords, ours.nlabels, ours.ntokens) == (theirs.nwords, theirs.nlabels, theirs.ntokens)
    assert dict(zip(ours.entries, ours.counts.tolist(), strict=True)) == dict(zip(theirs.entries, theirs.counts.tolist(), strict=True))
    assert ours.counts.tolist() == theirs.counts.tolist()  # each group from high to low
    assert set(ours.entries[: ours.nwords]) == set(theirs.entries[: theirs.nwords])


@pytest.mark.parametrize("case", HARD)
def test_the_dictionary_of_a_hard_text_is_upstreams(folder, case):
    compared(HARD[case] + b"__label__x b\n", folder)


@settings(CHECK, max_examples=25)  # upstream makes a table of 30 million entries each time
@given(TEXT)
def test_the_dictionary_of_any_text_is_upstreams(folder, data):
    compared(data + b"\n__label__x a", folder)


RARE = [{"minCount": 2}, {"minCountLabel": 3}, {"minCount": 3, "minCountLabel": 2}, {"label": "#"}, {"minCount": 0}]


@pytest.mark.parametrize("options", RARE)
def test_what_is_too_rare_is_left_out_as_upstream_does(folder, options):
    text = b"#l __label__x a a a b b c\n__label__x __label__y a b\n#l __label__x __label__y d\n"
    compared(text * 2 + b"#z __label__z e\n", folder, **options)


def test_equal_counts_keep_the_order_of_the_text():
    ours = corpora.vocabulary(scanned(b"__label__z b a\n__label__y a b c\n"), SUPERVISED)
    assert ours.entries == [b"</s>", b"b", b"a", b"c", b"__label__z", b"__label__y"]  # `</s>` is always there first


def test_lines_in_memory_are_the_lines_of_a_file(tmp_path):
    lines = ["__label__a x y", "", "__label__b  z\t\u00a0", "中 \0 é"]
    (tmp_path / "text.txt").write_bytes("".join(line + "\n" for line in lines).encode())
    assert bytes_of(lines).tobytes() == bytes_of(tmp_path / "text.txt").tobytes()


def test_a_newline_inside_a_line_in_memory_is_a_space():
    assert bytes_of(["a\nb", "c"]).tobytes() == b"a b\nc\n"


@pytest.mark.parametrize("source", [5, b"bytes", None, [1, 2], ["a", None]])
def test_what_is_not_text_is_an_error(source):
    with pytest.raises(DataError, match=r"line|lines"):
        bytes_of(source)


@pytest.mark.parametrize("data", [b"", b"\n\n", b"__label__a", b"no label\n", b"\0\0\0", b" \t "])
def test_a_text_with_nothing_to_learn_is_an_error(tmp_path, data):
    (tmp_path / "text.txt").write_bytes(data)
    with pytest.raises(DataError):
        train_supervised(tmp_path / "text.txt", verbose=0, minCount=1 if data != b"\n\n" else 5)


def test_a_missing_file_or_a_folder_is_an_error(tmp_path):
    with pytest.raises(DataError, match="cannot be opened"):
        train_supervised(tmp_path / "no.txt", verbose=0)
    with pytest.raises(DataError, match="folder"):
        train_supervised(tmp_path, verbose=0)
