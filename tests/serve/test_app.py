"""The server asked as a program would ask it."""

import json
import signal
import urllib.error
import urllib.request

import pytest

from gradwell.doctor.catalogue import rule
from gradwell.lab import catalogue
from tests.command import gradwell
from tests.serve.conftest import serving

PAGE = {"x-gradwell": "page", "content-type": "application/json"}


def ask(served, path, body=None, **headers):
    """Status, headers and answer."""
    address = served.address.partition("?")[0].rstrip("/") + path
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(address, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            status, got, text = answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        status, got, text = error.code, error.headers, error.read()
    return status, got, json.loads(text) if got.get_content_type() == "application/json" else text.decode()


def test_runs_are_listed_the_latest_first_with_what_is_wrong_with_them(server, folder):
    status, _, runs = ask(server, "/api/runs")
    assert status == 200
    assert {run["name"] for run in runs} == {path.name for path in folder.iterdir()}
    assert "error" in next(run for run in runs if run["name"] == "foreign")


def test_the_findings_are_those_of_gradwell_judge(server, folder):
    _, _, said = ask(server, "/api/runs/sick/findings")
    result = gradwell("judge", folder / "sick", "--json", folder.parent / "said.json", cwd=folder.parent)
    judged = json.loads((folder.parent / "said.json").read_text())
    assert result.returncode == 1
    for finding in said["findings"]:
        assert finding.pop("signals") == [signal.name for signal in rule(finding["code"]).signals]
    assert said["findings"] == judged["findings"]
    assert said["learned"] == judged["learned"]


@pytest.mark.parametrize(("path", "said"), [
    ("/api/runs/nothing", "there is no run 'nothing'"), ("/api/runs/..", "no run"), ("/api/runs/sick/signals/nothing", "no signal"),
    ("/api/rules/GW999", "no rule"), ("/api/lab/nothing", "no claim"), ("/api/jobs/nothing", "no such measurement"),
    ("/api/runs/" + "x" * 300, "no run"),
    ("/static/nothing.js", "no such page"), ("/static/..%2Fapp.py", "no such page"), ("/api/translators/7/epochs", "no model 7"),
])
def test_what_is_not_there_is_said_in_one_sentence(server, path, said):
    status, _, answer = ask(server, path)
    assert status == 404
    assert isinstance(answer, str) or said in answer["error"]


@pytest.mark.parametrize("path", ["/", "/api/runs", "/static/core.js", "/api/nothing"])
def test_every_answer_shuts_out_everything_else(server, path):
    _, headers, _ = ask(server, path)
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"


def test_a_foreign_name_for_this_machine_is_refused(server):
    assert ask(server, "/api/runs", Host="evil.example")[0] == 421


@pytest.mark.parametrize("headers", [
    {"content-type": "application/json"}, {"x-gradwell": "page", "content-type": "text/plain"}, PAGE | {"origin": "https://evil.example"},
])
def test_only_the_page_itself_may_send_something(server, headers):
    assert ask(server, "/api/classifiers/0/classify", {"text": "hello"}, **headers)[0] == 403


def test_elsewhere_the_token_is_wanted(folder):
    with serving(str(folder), "--host", "0.0.0.0", "--port", "0", cwd=folder.parent) as served:
        token = served.address.partition("?token=")[2]
        assert len(token) > 20
        assert ask(served, "/api/runs")[0] == 401
        assert ask(served, "/api/runs", **{"x-gradwell-token": token[:-1]})[0] == 401
        assert ask(served, "/?token=wrong")[0] == 401
        assert ask(served, "/api/runs", **{"x-gradwell-token": token})[0] == 200


def test_a_browser_keeps_the_tokens_of_two_servers_apart(folder):
    both = [serving(str(folder), "--host", "0.0.0.0", "--port", "0", cwd=folder.parent) for _ in range(2)]
    with both[0] as one, both[1] as other:
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        for served in (one, other):
            assert browser.open(served.address.replace("0.0.0.0", "127.0.0.1")).status == 200
        for served in (one, other):
            where = served.address.partition("/?")[0].replace("0.0.0.0", "127.0.0.1")
            assert browser.open(f"{where}/api/runs").status == 200


def test_a_text_is_classified_with_what_carried_it(server):
    status, _, found = ask(server, "/api/classifiers/0/classify", {"text": "good night"}, **PAGE)
    assert status == 200
    assert found["labels"][0] == "bye"
    assert sum(part["added"][0] for part in found["parts"]) == pytest.approx(found["scores"][0])


def test_a_sentence_is_translated_by_a_beam_as_wide_as_asked_for(server):
    status, _, found = ask(server, "/api/translators/0/translate", {"text": "ein mann geht", "beam": 3, "length": 1, "coverage": 0}, **PAGE)
    assert status == 200
    assert 1 <= len(found) <= 3
    assert all(abs(sum(row) - 1) < 1e-2 for row in found[0]["attention"]["words"]["weights"])


@pytest.mark.parametrize(("path", "body", "said"), [
    ("/api/translators/0/translate", {"text": "a", "beam": 99}, "a beam of 1 to 20"),
    ("/api/translators/0/translate", {"text": "a", "beam": "wide"}, "beam must be a number, not 'wide'"),
    ("/api/translators/0/translate", {"text": "", "beam": 1}, "a sentence of up to"),
    ("/api/translators/5/translate", {"text": "a"}, "there is no model 5"),
    ("/api/classifiers/0/classify", {"text": 3}, "a text of up to"),
    ("/api/classifiers/0/classify", {"text": "x" * 6000}, "a text of up to"),
    ("/api/classifiers/0/classify", b"{", "an object in JSON"),
    ("/api/classifiers/0/classify", b"[" * 200_000, "bytes were sent"),
    ("/api/classifiers/0/classify", b"[" * 99_000, "an object in JSON"),
    ("/api/lab/sigmoid-gradient-dies/measure", b'{"seeds": 1' + b"0" * 400 + b"}", "seeds must be a number"),
    ("/api/classifiers/0/neighbours", {"word": "two words"}, "one word"),
    ("/api/lab/nothing/measure", {}, "no claim"),
    ("/api/lab/sigmoid-gradient-dies/measure", {"knobs": {"depth": "deep"}}, "takes a whole number, not 'deep'"),
    ("/api/lab/sigmoid-gradient-dies/measure", {"knobs": [1]}, "a name and a value"),
    ("/api/lab/sigmoid-gradient-dies/measure", {"seeds": 1000}, "1 to 20 seeds"),
])
def test_what_is_not_possible_is_said_in_one_sentence(server, path, body, said):
    status, _, answer = ask(server, path, body, **PAGE)
    assert status in (400, 404)
    assert said in answer["error"]


def followed(served, job):
    """All that a measurement tells."""
    address = served.address.rstrip("/")
    told = []
    with urllib.request.urlopen(f"{address}/api/jobs/{job}", timeout=60) as stream:
        for line in stream:
            if line.startswith(b"data: ["):
                told += json.loads(line[6:])
            if line.startswith(b"event: end"):
                return told
    return told


def test_a_claim_is_measured_with_the_users_own_knobs(server):
    asked = {"knobs": {"width": "16", "examples": "16", "depth": "5"}, "seeds": 2}
    status, _, answer = ask(server, "/api/lab/sigmoid-gradient-dies/measure", asked, **PAGE)
    assert status == 200
    told = followed(server, answer["job"])
    assert sum("row" in one for one in told) == 2 * 5
    assert told[-1]["verdict"]["holds"]
    assert told[-1]["seeds"] == 2


def test_a_measurement_can_be_stopped(server):
    asked = {"knobs": {"width": "1000", "depth": "400"}, "seeds": 20}
    _, _, answer = ask(server, "/api/lab/sigmoid-gradient-dies/measure", asked, **PAGE)
    assert ask(server, f"/api/jobs/{answer['job']}/stop", {}, **PAGE)[0] == 200
    assert followed(server, answer["job"])[-1] == {"error": "it was stopped before its end"}


def test_every_claim_of_the_lab_is_there_with_its_verdict(server):
    _, _, claims = ask(server, "/api/lab")
    assert [one["id"] for one in claims] == [one.id for one in catalogue()]
    assert all(one["result"]["word"] == "holds" for one in claims)


@pytest.mark.parametrize(("arguments", "said"), [
    (["nothing"], "there is no folder nothing here"), ([".", "--translator", "."], "holds no translator"),
    ([".", "--classifier", "none.bin"], "there is no text model none.bin"),
    ([".", "--host", "256.1.1.1"], "there is no address of the name '256.1.1.1'"),
])
def test_bad_input_ends_in_one_line(arguments, said, tmp_path):
    result = gradwell("serve", *arguments, "--port", "0", cwd=tmp_path)
    assert result.returncode == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_port_in_use_is_said(server, tmp_path):
    port = server.address.rstrip("/").rpartition(":")[2]
    result = gradwell("serve", ".", "--port", port, cwd=tmp_path)
    assert result.returncode == 2
    assert f"cannot listen at 127.0.0.1:{port}: Address already in use" in result.stderr


def test_an_interrupt_ends_it_without_a_word_even_while_it_is_listened_to(folder):
    with serving(str(folder), "--port", "0", cwd=folder.parent) as served:
        asked = {"knobs": {"width": "1000", "depth": "400"}, "seeds": 20}
        _, _, answer = ask(served, "/api/lab/sigmoid-gradient-dies/measure", asked, **PAGE)
        with (urllib.request.urlopen(f"{served.address}api/runs/sick/events", timeout=60) as stream,
              urllib.request.urlopen(f"{served.address}api/jobs/{answer['job']}", timeout=60)):
            assert stream.readline().startswith(b"data: ")
            served.process.send_signal(signal.SIGINT)
            assert served.process.wait(30) == 0
            assert served.process.stderr.read() == ""
