"""Tables in, tables out: every row is answered, in every format, however the rows are cut into batches."""

import gzip
import json
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradwell.errors import DataError, DependencyError, OptionError
from gradwell.text import tables, tables_in, train_supervised
from gradwell.text.tables import Job

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pc = pytest.importorskip("pyarrow.csv")

LINES = [f"__label__{'good' if i % 2 else 'bad'} {'fine nice' if i % 2 else 'poor sad'} word{i % 7}" for i in range(60)]
TEXTS = ["fine nice day", None, "poor\nsad", "", "nothing known here", "sad </s> fine", 'quo"te, comma', "fine\0nice", "ñandú fine"]
ENDINGS = ["parquet", "arrow", "feather", "csv", "tsv", "jsonl"]


@pytest.fixture(scope="module")
def model():
    return train_supervised(LINES, epoch=20, lr=0.5, dim=8, thread=1, verbose=0).model


@pytest.fixture(scope="module")
def expected(model):
    """What the model itself says of TEXTS."""
    lines = [text or "" for text in TEXTS]
    ids, values = model.predict(lines)
    return [None if text is None else (model.labels[i[0]], v[0]) for text, i, v in zip(TEXTS, ids, values, strict=True)]


def frame(texts=TEXTS):
    return pa.table({"number": pa.array(range(len(texts)), pa.int64()), "text": pa.array(texts, pa.string())})


def write(table, path):
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=4)
    elif path.suffix in (".arrow", ".feather"):
        with pa.ipc.new_file(str(path), table.schema) as writer:
            writer.write_table(table, max_chunksize=3)
    elif path.suffix in (".csv", ".tsv"):
        pc.write_csv(table, path, pc.WriteOptions(delimiter="\t" if path.suffix == ".tsv" else ","))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    return str(path)


def read(path):
    """The rows of a table, read without our code."""
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix in (".arrow", ".feather"):
        return pa.ipc.open_file(str(path)).read_all().to_pylist()
    if path.suffix in (".csv", ".tsv"):
        parse = pc.ParseOptions(delimiter="\t" if path.suffix == ".tsv" else ",", newlines_in_values=True)
        options = pc.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""])
        return pc.read_csv(path, parse_options=parse, convert_options=options).to_pylist()
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("out", ENDINGS)
@pytest.mark.parametrize("ending", ENDINGS)
def test_every_row_keeps_its_columns_and_gets_its_label(model, expected, tmp_path, ending, out):
    source, target = write(frame(), tmp_path / f"in.{ending}"), tmp_path / f"out.{out}"
    assert tables.predict(model, [source], str(target), Job("text")) == len(TEXTS)
    rows = read(target)
    assert [row["text"] for row in rows] == TEXTS
    assert [int(row["number"]) for row in rows] == list(range(len(TEXTS)))
    assert [row["label"] for row in rows] == [pair and pair[0] for pair in expected]
    for row, pair in zip(rows, expected, strict=True):
        assert row["probability"] is None if pair is None else row["probability"] == pytest.approx(pair[1], abs=1e-6)
    assert len(list(tmp_path.iterdir())) == 2  # and nothing half written beside them


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.none() | st.text(), min_size=1, max_size=20), st.sampled_from([1, 2, -1]), st.floats(0, 1, width=32))
def test_tables_say_what_the_model_says_whatever_the_text(model, tmp_path, texts, k, threshold):
    texts = [text and text.encode("utf-8", "replace").decode() for text in texts]
    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    write(frame(texts), source)
    tables.predict(model, [str(source)], str(target), Job("text", k, threshold))
    ids, values = model.predict([(text or "") for text in texts], k, threshold)
    for text, found, i, v in zip(texts, read(target), ids.tolist(), values.tolist(), strict=True):
        assert found["text"] == text
        pairs = [(model.labels[a], b) for a, b in zip(i, v, strict=True) if a >= 0]
        label, probability = found["label"], found["probability"]
        if text is None:
            assert label is probability is None
        elif k == 1:
            assert (label, probability) == (pairs[0] if pairs else (None, None))
        else:
            assert list(zip(label, probability, strict=True)) == pairs


def test_rows_are_the_same_however_they_are_cut_and_however_many_threads(model, tmp_path, monkeypatch):
    texts = [f"fine word{i % 9} {'sad' * (i % 2)}" for i in range(5000)]
    model.work.pays(10**9)  # the kernels do all of it; they and plain NumPy differ in the last digit
    write(frame(texts), tmp_path / "in.parquet")
    inputs = [write(frame(texts[:1000]), tmp_path / "1.parquet"), write(frame(texts[1000:]), tmp_path / "2.parquet")]
    tables.predict(model, [str(tmp_path / "in.parquet")], str(tmp_path / "whole.parquet"), Job("text", 2, threads=1))
    monkeypatch.setattr(tables_in, "ROWS", 333)
    assert tables.predict(model, inputs, str(tmp_path / "parts.parquet"), Job("text", 2, threads=3)) == 5000
    whole, parts = pq.read_table(tmp_path / "whole.parquet"), pq.read_table(tmp_path / "parts.parquet")
    assert whole.drop_columns(["number"]).equals(parts.drop_columns(["number"]))


def test_kept_columns_come_in_the_order_named_and_none_may_be_kept(model, tmp_path):
    source, target = write(frame(), tmp_path / "in.parquet"), tmp_path / "out.parquet"
    tables.predict(model, [source], str(target), Job("text", keep=["number"], label="said", probability="p"))
    assert pq.read_schema(target).names == ["number", "said", "p"]
    tables.predict(model, [source], str(target), Job("text", keep=["text", "number"]))
    assert pq.read_schema(target).names == ["text", "number", "label", "probability"]
    tables.predict(model, [source], str(target), Job("text", keep=[]))
    assert pq.read_schema(target).names == ["label", "probability"]


def test_lists_stand_in_csv_as_words(model, tmp_path):
    source, target = write(frame(["fine nice", None]), tmp_path / "in.csv"), tmp_path / "out.csv"
    tables.predict(model, [source], str(target), Job("text", 2, keep=[]))
    labels, probabilities = (field.strip('"').split() for field in target.read_text().splitlines()[1].split(","))
    assert labels == ["__label__good", "__label__bad"]
    assert sum(map(float, probabilities)) == pytest.approx(1, abs=1e-6)
    assert target.read_text().splitlines()[2] == ","


KINDS = [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string()), pa.binary(), pa.null()]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_text_may_be_of_any_type_that_holds_text(model, tmp_path, kind):
    texts = [None, None] if kind == pa.null() else ["fine nice", None]
    plain = pa.array(texts, pa.string())
    column = plain.dictionary_encode() if pa.types.is_dictionary(kind) else pa.nulls(2) if kind == pa.null() else plain.cast(kind)
    with pa.ipc.new_file(str(tmp_path / "in.arrow"), pa.schema([("text", column.type)])) as writer:
        writer.write_batch(pa.record_batch({"text": column}))
    for out in ("parquet", "arrow", "csv", "jsonl"):
        tables.predict(model, [str(tmp_path / "in.arrow")], str(tmp_path / f"out.{out}"), Job("text", keep=[]))
        assert [row["label"] for row in read(tmp_path / f"out.{out}")] == [texts[0] and "__label__good", None]


def test_packed_files_and_arrow_streams_are_read(model, tmp_path):
    (tmp_path / "in.jsonl.gz").write_bytes(gzip.compress(b'{"text": "fine nice"}\n\n{"text": null, "more": [1]}\n{}'))
    tables.predict(model, [str(tmp_path / "in.jsonl.gz")], str(tmp_path / "out.jsonl"), Job("text"))
    rows = read(tmp_path / "out.jsonl")
    assert [row["label"] for row in rows] == ["__label__good", None, None]
    assert "more" in rows[1]
    assert "more" not in rows[0]
    (tmp_path / "in.csv.gz").write_bytes(gzip.compress(b"text,zip\nfine nice,007\n"))
    tables.predict(model, [str(tmp_path / "in.csv.gz")], str(tmp_path / "out.csv"), Job("text"))
    assert '"007"' in (tmp_path / "out.csv").read_text()
    with pa.ipc.new_stream(str(tmp_path / "in.arrow"), frame().schema) as writer:
        writer.write_table(frame())
    assert tables.predict(model, [str(tmp_path / "in.arrow")], str(tmp_path / "out.parquet"), Job("text")) == len(TEXTS)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_table_without_rows_keeps_its_columns(model, tmp_path, ending):
    source, target = write(frame([]), tmp_path / f"in.{ending}"), tmp_path / "out.parquet"
    assert tables.predict(model, [source], str(target), Job("text")) == 0
    assert pq.read_schema(target).names[-2:] == ["label", "probability"]


BAD = {
    "a column that is not there": (Job("txt"), "has no column 'txt'; it has 'number', 'text'"),
    "a column to keep that is not there": (Job("text", keep=["n"]), "has no column 'n'; it has 'number', 'text'"),
    "a column of numbers": (Job("number"), "holds int64; it must hold text"),
    "a new column with the name of an old one": (Job("text", label="number"), "already has a column 'number'"),
    "two new columns of one name": (Job("text", label="x", probability="x"), "they need two names"),
    "k = 0": (Job("text", 0), "k is 0; it must be 1 or more, or -1"),
    "too many threads": (Job("text", threads=10_000), "thread is 10000; it must be from 0 to 1024"),
}


@pytest.mark.parametrize(("job", "message"), BAD.values(), ids=BAD)
def test_what_is_impossible_is_said_and_the_old_output_stays(model, tmp_path, job, message):
    source, target = write(frame(), tmp_path / "in.parquet"), tmp_path / "out.parquet"
    target.write_text("old")
    with pytest.raises((DataError, OptionError), match=message):
        tables.predict(model, [source], str(target), job)
    assert target.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2


def test_files_that_cannot_be_read_or_written_are_named(model, tmp_path):
    good, out = write(frame(), tmp_path / "in.parquet"), str(tmp_path / "out.parquet")

    def complaint(inputs, output=out):
        with pytest.raises(DataError) as caught:
            tables.predict(model, [str(path) for path in inputs], str(output), Job("text"))
        return str(caught.value)

    assert "does not exist" in complaint([tmp_path / "no.parquet"])
    assert "nowhere does not exist" in complaint([tmp_path / "nowhere"], tmp_path / "labels")  # it may have been meant as a folder
    assert "is a folder; name it alone" in complaint([tmp_path, tmp_path], tmp_path / "labels")
    assert "labels is no name of a table; tables can be .parquet" in complaint([good], tmp_path / "labels")
    (tmp_path / "in.xlsx").touch()
    assert "tables can be .parquet, .arrow, .feather, .csv, .tsv or .jsonl" in complaint([tmp_path / "in.xlsx"])
    assert "ends in '.txt'" in complaint([good], tmp_path / "out.txt")
    assert "only reading can do" in complaint([good], tmp_path / "out.csv.gz")
    assert "one of the tables to read" in complaint([good], good)
    assert "cannot be written as a table: No such file" in complaint([good], tmp_path / "no" / "out.parquet")
    assert "no table" in complaint([])
    (tmp_path / "folder.parquet").mkdir()
    assert "is a folder" in complaint([tmp_path / "folder.parquet"])
    for ending in ENDINGS:
        (tmp_path / f"junk.{ending}").write_bytes(bytes(range(256)))
        assert f"junk.{ending}" in complaint([tmp_path / f"junk.{ending}"])
    data = (tmp_path / "in.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(data[: len(data) // 2])
    assert "cut.parquet cannot be read" in complaint([good, tmp_path / "cut.parquet"])
    wrong = {"[1]": "line 1, is not a JSON object", '{"text": 5}': "it must be text, or null", "{": "line 1, is not JSON"}
    for text, message in wrong.items():
        (tmp_path / "bad.jsonl").write_text(text)
        assert message in complaint([tmp_path / "bad.jsonl"])
    assert not (tmp_path / "out.parquet").exists()


def test_rows_that_do_not_fit_those_before_are_an_error_rather_than_lost(model, tmp_path):
    good, out = write(frame(), tmp_path / "in.parquet"), str(tmp_path / "out.parquet")
    more = write(frame().append_column("z", frame()["number"]), tmp_path / "more.parquet")
    less = write(frame().select(["text"]), tmp_path / "less.parquet")
    other = write(frame().set_column(0, "number", pa.array(["x"] * len(TEXTS))), tmp_path / "other.parquet")
    for second, message in ((more, "has the column 'z'"), (less, "has no column 'number'"), (other, "do not fit those before")):
        with pytest.raises(DataError, match=message):
            tables.predict(model, [good, second], out, Job("text"))
    assert tables.predict(model, [good, more, less], out, Job("text", keep=["text"])) == 3 * len(TEXTS)
    assert tables.predict(model, [good, more, other], out.replace("parquet", "jsonl"), Job("text")) == 3 * len(TEXTS)


def test_without_pyarrow_it_says_what_to_install(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DependencyError, match=r"pip install 'gradwell\[arrow\]'"):
        tables.predict(model, ["in.parquet"], "out.parquet", Job("text"))


def test_word_vectors_cannot_predict(tmp_path):
    vectors = train_unsupervised(tmp_path)
    with pytest.raises(DataError, match="supervised"):
        tables.predict(vectors, [write(frame(), tmp_path / "in.parquet")], str(tmp_path / "out.parquet"), Job("text"))


def train_unsupervised(folder):
    from gradwell.text import train_unsupervised as train

    (folder / "text").write_text("a b c d e\n" * 20)
    return train(str(folder / "text"), minCount=1, dim=4, epoch=1, bucket=100, thread=1, verbose=0).model


def test_probabilities_are_never_above_one(model, tmp_path):
    tables.predict(model, [write(frame(), tmp_path / "in.parquet")], str(tmp_path / "out.parquet"), Job("text", -1))
    found = [row["probability"] for row in read(tmp_path / "out.parquet") if row["probability"]]
    assert np.max(found) <= 1
