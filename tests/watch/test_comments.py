"""A comment allows what it names on its own statement, and is read as it stood when the run was watched."""

import linecache

import pytest
import torch
from torch.nn import functional as F

import gradwell
from gradwell.doctor.allowance import allowances
from gradwell.watch.comments import Comments, allowed


def comments(tmp_path, text):
    file = tmp_path / "model.py"
    file.write_text(text)
    linecache.checkcache(str(file))
    return [(found["line"], found["first"], found["last"], found["words"]) for found in allowed(str(file))]


@pytest.mark.parametrize(("text", "found"), [
    ("a = 1  # gradwell: allow[GW101]\n", [(1, 1, 1, ["GW101"])]),
    ("a = 1  #gradwell:allow[ GW101,dead-relu  GW3 ] because\n", [(1, 1, 1, ["GW101", "dead-relu", "GW3"])]),
    ("a = f(\n  1,  # gradwell: allow[GW101]\n  2,\n)\nb = 2\n", [(2, 1, 4, ["GW101"])]),
    ("a = 1\n# gradwell: allow[GW101]\nb = 2\n", [(2, 0, 0, ["GW101"])]),
    ("for i in range(\n  3,  # gradwell: allow[GW101]\n):\n  b = 2\n", [(2, 1, 3, ["GW101"])]),
    ("def f():\n    # gradwell: allow[GW101]\n    return 1\n", [(2, 0, 0, ["GW101"])]),
    ("a = 1  # gradwell: allow\n", [(1, 1, 1, [])]),
    ("a = 1  # gradwell: allow[]\n", [(1, 1, 1, [])]),
    ("a = '# gradwell: allow[GW101]'\n", []),
    ("a = 1  # gradwell: allowed\n", []),
    ("a = 1  # gradwell: allow[GW101]", [(1, 1, 1, ["GW101"])]),
    ("a = 1  # gradwell: allow[GW101]\nb = (\n", [(1, 1, 1, ["GW101"])]),
    ("a = 1  # gradwell: allow[GW101]\n'''\n", [(1, 1, 1, ["GW101"])]),
    ("", []),
])
def test_a_comment_belongs_to_its_statement(tmp_path, text, found):
    assert comments(tmp_path, text) == found


def test_each_file_is_read_once_and_what_is_no_file_is_none_of_our_business(tmp_path):
    (tmp_path / "a.py").write_text("a = 1  # gradwell: allow[GW101]\n")
    (tmp_path / "b.py").write_bytes(b"\xff\xfe gradwell: allow[GW1]")
    reader = Comments()
    assert reader.read([str(tmp_path / "a.py"), None, "<stdin>", str(tmp_path / "no.py"), str(tmp_path / "b.py")])
    assert not reader.read([str(tmp_path / "a.py")])
    assert len(reader.found) == 1


def test_a_run_keeps_what_its_source_allows():
    model = torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.ReLU(),
        torch.nn.Linear(8, 2),
    )
    with gradwell.watch(every=1) as run:
        for _ in range(30):
            x = torch.randn(16, 4)
            loss = F.cross_entropy(model(x).softmax(1), (x[:, 0] > 0).long())
            loss.backward()  # gradwell: allow[double-softmax, GW999]
            with torch.no_grad():
                for p in model.parameters():
                    p -= 0.1 * p.grad
                    p.grad = None
    assert run.findings() == []
    assert [finding.code for finding in run.verdict().allowed] == ["GW302"]
    (comment,) = allowances(run.record)
    assert comment.words == ("double-softmax", "GW999")
    text = " ".join(str(run.report()).split())
    assert f"1 finding allowed at {'tests/watch/test_comments.py'}:{comment.line} (GW302)" in text
    assert "names 'GW999', which is no rule" in text
