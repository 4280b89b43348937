"""Models to and from a Hub: packed, carried by huggingface_hub itself to a small server on this machine, fetched, and not trusted."""

import json
import os
import pickle
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

import gradwell
from gradwell.errors import DataError, DependencyError, ModelFileError
from gradwell.report.json import as_json
from gradwell.text import files as text_files
from gradwell.text import train_supervised, train_unsupervised
from gradwell.translate import Options, Translator
from gradwell.translate.model import EncoderDecoder
from gradwell.vision import ImageClassifier
from gradwell.vision import Options as ImageOptions
from gradwell.vision.model import network
from tests.command import gradwell as gradwell_
from tests.command import inside
from tests.integrations.hub_server import TOKEN, running
from tests.translate.test_vocabulary import SUBWORDS
from tests.vision.conftest import digits

constants = pytest.importorskip("huggingface_hub.constants", reason="huggingface_hub is not installed")

from gradwell.integrations import hub  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # huggingface_hub's own, of the library below it
LINES = [f"__label__{'good' if i % 2 else 'bad'} {'fine nice' if i % 2 else 'poor awful'} thing{i % 5}" for i in range(200)]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """One model of each kind, as its training leaves it."""
    where = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    text = train_supervised(LINES, dim=8, epoch=5, wordNgrams=2, bucket=500, verbose=0, thread=1, validation=LINES[:40])
    text.save_model(where / "text.safetensors")
    text.save_model(where / "text.bin")
    train_unsupervised(["a b c d e"] * 50, dim=4, minCount=1, bucket=100, verbose=0, thread=1).save_model(where / "vectors.bin")
    options = Options(embedding=8, hidden=16)
    net = EncoderDecoder(options, len(SUBWORDS), len(SUBWORDS))
    history = [{"epoch": 1.0, "loss": 2.5, "valid_loss": 2.6, "bleu": 11.0, "seconds": 3.0, "averaged_bleu": 12.5}]
    Translator(options, SUBWORDS, SUBWORDS, net, history).save(where / "translator")
    images = ImageOptions(width=4)
    ImageClassifier(images, tuple("0123456789"), (1, 8, 8), network(images, (1, 8, 8), 10).eval(), []).save(where / "images")
    return where


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The library without a user's token, with a cache of its own, and by HTTP alone (a small server does not speak Xet)."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    return tmp_path / "cache"


@pytest.fixture
def server(cache):
    with running() as hub:
        yield hub


def put(server, repo, folder):
    """A repository that holds the files of a folder."""
    server.repos[repo] = {path.name: path.read_bytes() for path in folder.iterdir()}


def answers(model):
    """What a model says."""
    if isinstance(model, Translator):
        return [score for one in model.translate(["a dog runs.", "two cats"]) for score in one.scores]
    if isinstance(model, ImageClassifier):
        return model.probabilities(digits(0, 5)).tolist()
    return model.predict("fine thing1", k=2)[1].tolist()


KINDS = {"text.safetensors": "text-classification", "translator": "translation", "images": "image-classification"}
ALL = [*KINDS, "text.bin", "vectors.bin"]


def loaded(path):
    from gradwell import text, translate, vision

    return {"text.safetensors": text.load_model, "translator": translate.load, "images": vision.load}[path.name](path)


@pytest.mark.parametrize("name", KINDS)
def test_a_model_comes_back_from_the_hub_as_it_went(models, server, tmp_path, name):
    address = hub.push_to_hub(models / name, "me/it", token=TOKEN, endpoint=server.endpoint)
    assert address == f"{server.endpoint}/me/it"
    expected = answers(loaded(models / name))
    assert answers(hub.from_pretrained("me/it", endpoint=server.endpoint)) == expected
    folder = hub.pull("me/it", tmp_path / "pulled", endpoint=server.endpoint)
    assert answers(hub.from_pretrained(folder)) == expected
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == server.repos["me/it"]


def test_nothing_of_an_earlier_model_is_left_but_what_is_no_models(models, server, tmp_path):
    put(server, "me/it", hub.pack(models / "translator", tmp_path / "packed"))
    server.repos["me/it"] |= {"doctor.json": b"{}", "photo.png": b"mine"}
    hub.push_to_hub(models / "text.bin", "me/it", token=TOKEN, endpoint=server.endpoint)
    assert set(server.repos["me/it"]) == {"config.json", "model.safetensors", "README.md", "photo.png"}


@pytest.mark.parametrize("name", ALL)
def test_what_is_packed_is_what_is_sent_and_holds_no_pickle(models, server, tmp_path, name):
    folder = hub.pack(models / name, tmp_path / "packed", name="me/it")
    hub.push_to_hub(models / name, "me/it", token=TOKEN, endpoint=server.endpoint)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == server.repos["me/it"]
    assert {path.suffix for path in folder.iterdir()} == {".json", ".safetensors", ".md"}
    assert json.loads((folder / "config.json").read_text())["format"].startswith("gradwell ")


def test_a_quantised_text_model_stays_small(models, tmp_path):
    many = [f"{line} word{i} other{i}" for i, line in enumerate(LINES)]
    model = train_supervised(many, dim=8, epoch=2, wordNgrams=2, bucket=500, verbose=0, thread=1)
    model.quantize(many)
    model.save_model(tmp_path / "small.ftz")
    again = hub.from_pretrained(hub.pack(tmp_path / "small.ftz", tmp_path / "packed"))
    assert again.is_quantized()
    assert again.predict("fine")[0] == model.predict("fine")[0]


def test_what_was_fetched_once_is_there_when_nobody_answers(models, cache):
    with running() as server:
        put(server, "me/it", hub.pack(models / "text.bin", cache.parent / "packed"))
        first = answers(hub.from_pretrained("me/it", endpoint=server.endpoint))
    assert answers(hub.from_pretrained("me/it", endpoint=server.endpoint)) == first


# The card


@pytest.mark.parametrize("name", ALL)
def test_a_card_says_what_the_hub_and_a_reader_must_know(models, name):
    from huggingface_hub import ModelCard

    text = hub.card(models / name, languages=["de", "en"], license="apache-2.0", name="me/it")
    data = ModelCard(text).data.to_dict()
    assert data["library_name"] == "gradwell"
    assert data["pipeline_tag"] == (KINDS | {"text.bin": "text-classification", "vectors.bin": "feature-extraction"})[name]
    assert (data["language"], data["license"]) == (["de", "en"], "apache-2.0")
    assert 'from_pretrained("me/it")' in text
    assert "gradwell hub pull me/it model" in text
    assert "## What the doctor said of its training" in text
    assert "license" not in ModelCard(hub.card(models / name)).data.to_dict(), "it is left to the user"


def test_what_a_card_shows_in_python_runs(models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hub.pack(models / "text.bin", tmp_path / "it")
    code = hub.card(models / "text.bin", name="it").partition("```python\n")[2].partition("```")[0]
    exec(code, {})


def test_scores_of_the_training_and_of_test_data_stand_in_the_card(models, tmp_path):
    (tmp_path / "test.txt").write_text("\n".join(LINES[:50]) + "\n")
    card = hub.card(models / "text.safetensors", test=str(tmp_path / "test.txt"))
    assert "| f1 | 1 | the validation text |" in card
    assert "| f1 | 1 | test.txt | micro-averaged, the likeliest label of each of 50 lines |" in card
    (tmp_path / "pairs.tsv").write_text("a dog\ta dog\ntwo cats\tcats\n")
    card = hub.card(models / "translator", test=str(tmp_path / "pairs.tsv"))
    assert "| bleu | 12.5 | the sentences set apart in training | greedy, effective order |" in card
    assert "| pairs.tsv | beam 5, sacrebleu nrefs:1\\|case:mixed" in card
    test = digits(1400, 1450)
    np.savez(tmp_path / "test.npz", x_test=test.pixels[:, 0], y_test=test.labels)
    found = loaded(models / "images").score(test).accuracy
    assert f"| accuracy | {found:.4g} | test.npz | 50 images |" in hub.card(models / "images", test=str(tmp_path / "test.npz"))


@pytest.mark.parametrize(("data", "says"), [("no label here\n", "no line with a label that the model knows"), (None, "cannot be opened")])
def test_test_data_that_measures_nothing_is_refused(models, tmp_path, data, says):
    if data:
        (tmp_path / "test.txt").write_text(data)
    with pytest.raises(DataError, match=says):
        hub.card(models / "text.bin", test=str(tmp_path / "test.txt"))


def sick_report(script="/home/someone/secret/train.py"):
    """The doctor's report on a training with a fault."""
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with gradwell.watch(model, optimizer, every=1) as run:
        model.eval()
        for _ in range(30):
            x = torch.randn(16, 4)
            loss = torch.nn.functional.cross_entropy(torch.softmax(model(x), 1), (x[:, 0] > 0).long())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return as_json(run.report()) | {"script": script}


def test_a_card_holds_the_doctors_report_and_nothing_of_the_machine(models, tmp_path):
    shutil.copytree(models / "images", tmp_path / "images")
    report = sick_report()
    assert [finding["code"] for finding in report["findings"]][:1] == ["GW302"]
    report["notices"] = ["1 finding allowed at /home/someone/secret/net.py:3 (GW101)"]
    (tmp_path / "images" / "doctor.json").write_text(json.dumps(report))
    packed = hub.pack(tmp_path / "images", tmp_path / "packed")
    card = (packed / "README.md").read_text()
    assert "Gradwell's doctor watched 30 steps (30 looked at closely): " in card
    assert "**error GW302 double-softmax**" in card
    assert "- remedy: " in card
    assert "1 finding allowed at net.py:3 (GW101)" in card
    said = (packed / "doctor.json").read_text()
    assert "secret" not in said + card
    assert str(tmp_path.parent) not in said + card
    assert '"file": "/' not in said
    again = hub.pack(packed, tmp_path / "again")
    assert (again / "doctor.json").read_text() == said, "a model that is shared again keeps it"


def test_a_healthy_training_has_a_card_that_says_so(models, tmp_path):
    shutil.copytree(models / "images", tmp_path / "images")
    (tmp_path / "images" / "doctor.json").write_text(json.dumps(sick_report() | {"findings": []}))
    assert "(30 looked at closely): nothing was found. Has it learned? " in hub.card(tmp_path / "images")


LEARNED = {"answer": "yes", "because": "it is so"}
WHOLE = {"schema": 1, "script": "", "steps": 1, "learned": LEARNED, "overhead": {}, "notices": [], "findings": []}
WRONG: list[dict[str, object]] = [{"learned": {}}, {"overhead": []}, {"steps": "x"}, {"notices": 5}]


@pytest.mark.parametrize("report", [
    "{", "[]", "{}", '{"schema": 1, "findings": [{}]}', '{"schema": 1, "findings": []}', "[" * 100_000,
    *(json.dumps(WHOLE | wrong) for wrong in WRONG),
], ids=lambda text: text[:40])  # fmt: skip
def test_a_report_that_is_none_is_one_clear_error(models, tmp_path, report):
    shutil.copytree(models / "images", tmp_path / "images")
    (tmp_path / "images" / "doctor.json").write_text(report)
    with pytest.raises(ModelFileError, match=r"doctor\.json is not a report of the doctor"):
        hub.card(tmp_path / "images")


@pytest.mark.parametrize("history", [[{}], [1], {"a": 1}, [{"loss": 1, "seconds": None}], [{"accuracy": "high", "loss": 1, "seconds": 1}]])
def test_a_history_that_is_none_is_one_clear_error(models, tmp_path, history):
    shutil.copytree(models / "images", tmp_path / "images")
    config = tmp_path / "images" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"history": history}))
    with pytest.raises(ModelFileError, match="what the model states of its training is damaged"):
        hub.card(tmp_path / "images")


# What is not trusted


def test_only_the_files_of_a_model_are_fetched(models, server, tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("unpickled",)

    put(server, "me/it", hub.pack(models / "text.bin", tmp_path / "packed"))
    bomb = pickle.dumps(Evil())
    server.repos["me/it"] |= {"../../evil.json": b"{}", "sub/config.json": b"{}", "pytorch_model.bin": bomb, "code.py": b"boom",
                              "source.json": b"x", "..\\evil": b"x", "/etc/evil": b"x"}
    folder = hub.pull("me/it", tmp_path / "pulled", endpoint=server.endpoint)
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors", "README.md"}
    asked = {line.partition("/resolve/")[2].partition("/")[2] for line in server.asked if "/resolve/" in line}
    assert asked == {"config.json", "model.safetensors", "README.md"}
    assert not list(tmp_path.rglob("*evil*"))


def change(name, content):
    return lambda files: files.__setitem__(name, content(files.get(name, b"")) if callable(content) else content)


def stating(**options):
    def changed(config):
        stated = json.loads(config)
        return json.dumps(stated | {"options": stated["options"] | options}).encode()

    return changed


BAD = [
    ("text.bin", change("config.json", b'{"model_type": "bert"}'), "is not of a Gradwell model: it states no format; it can be"),
    ("text.bin", change("config.json", b'{"format": ["x"]}'), "its format is"),
    ("text.bin", change("config.json", b"{"), "is not JSON"),
    ("text.bin", change("config.json", b"[" * 100_000), "is not JSON"),
    ("text.bin", change("config.json", b'["gradwell text"]'), "is not of a Gradwell model"),
    ("text.bin", lambda files: files.pop("config.json"), "holds no Gradwell model: there is no config.json"),
    ("text.bin", lambda files: files.pop("model.safetensors"), "cannot be opened"),
    ("text.bin", change("model.safetensors", lambda data: data[:-50]), "is not a whole Gradwell model"),
    ("text.bin", change("model.safetensors", pickle.dumps([1, 2])), "is not a model|is not a whole"),
    ("text.bin", change("config.json", b'{"a": "' + b"x" * (65 << 20) + b'"}'), r"its config.json has 68,\d+,\d+ bytes"),
    ("translator", change("config.json", stating(hidden=10**9)), "does not hold the weights"),
    ("translator", change("config.json", stating(encoder_layers=10**9)), "more layers than"),
    ("translator", change("source.json", b"{}"), "holds no vocabulary"),
    ("translator", change("model.safetensors", lambda data: data[:-50]), "does not hold the weights"),
    ("translator", change("alignments.json", b"["), "is not JSON"),
    ("images", change("config.json", stating(width=10**9)), "does not hold the weights"),
    ("images", change("config.json", stating(network="mlp", width=10**12)), "does not hold the weights"),
    ("images", change("config.json", lambda data: data.replace(b"\n    8,\n    8\n", b"\n 8\n")), "states what is not possible"),
    ("images", change("config.json", lambda data: data.replace(b'"version": 1', b'"version": 9')), "of version 9"),
]


@pytest.mark.parametrize(("name", "damage", "says"), BAD, ids=[f"{name}: {says}" for name, _, says in BAD])
def test_a_damaged_or_foreign_repository_is_one_clear_line_and_leaves_nothing(models, server, tmp_path, name, damage, says):
    put(server, "me/it", hub.pack(models / name, tmp_path / "packed"))
    damage(server.repos["me/it"])
    with pytest.raises(ModelFileError, match=says) as raised:
        hub.pull("me/it", tmp_path / "pulled", endpoint=server.endpoint)
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith("me/it")
    assert not (tmp_path / "pulled").exists()


def test_weights_of_another_type_are_refused(models, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = hub.pack(models / "translator", tmp_path / "packed")
    save_file({name: value.double() for name, value in load_file(folder / "model.safetensors").items()}, folder / "model.safetensors")
    with pytest.raises(ModelFileError, match=r"is torch\.float64; it must be torch\.float32"):
        hub.from_pretrained(folder)


@pytest.mark.parametrize(("repo", "says"), [
    ("me/nothing", "the Hub has no such repository, or it is private; log in with `hf auth login`"), ("a/b/c", "Repo id must be"),
    ("../../nothing", "Repo id must"),
])  # fmt: skip
def test_a_repository_that_is_not_there_is_one_clear_line(server, repo, says):
    with pytest.raises(ModelFileError, match=says) as raised:
        hub.from_pretrained(repo, endpoint=server.endpoint)
    assert "\n" not in str(raised.value)


def test_a_hub_that_does_not_answer_or_does_not_let_us_is_one_clear_line(models, server):
    with pytest.raises(ModelFileError, match=r"^me/it cannot be fetched: .*Connection refused") as raised:
        hub.from_pretrained("me/it", endpoint="http://127.0.0.1:9")
    assert "\n" not in str(raised.value)
    assert str(raised.value).count("Connection refused") == 1
    with pytest.raises(ModelFileError, match=r"me/it cannot be written: the Hub does not let you; log in"):
        hub.push_to_hub(models / "text.bin", "me/it", token="hf_wrong", endpoint=server.endpoint)
    assert server.repos == {}


# As it is typed


def test_push_pull_and_card_are_commands(models, server, tmp_path):
    env = {"HF_ENDPOINT": server.endpoint, "HF_TOKEN": TOKEN, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}
    choices = ["--language", "de,en", "--license", "mit"]
    done = gradwell_("hub", "push", models / "text.safetensors", "me/it", *choices, cwd=tmp_path, env=env)
    assert (done.returncode, done.stdout) == (0, f"{server.endpoint}/me/it\n"), done.stderr
    done = gradwell_("hub", "pull", "me/it", "here", cwd=tmp_path, env=env)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert done.stderr.endswith("me/it is in here; its card, here/README.md, says how it is used\n")
    done = inside("hub", "card", "here/model.safetensors", *choices, "--name", "me/it", cwd=tmp_path)
    assert done.stdout == (tmp_path / "here" / "README.md").read_text() == server.repos["me/it"]["README.md"].decode()


def test_a_pull_that_is_killed_leaves_no_half_model_and_goes_on_when_typed_again(models, server, tmp_path):
    put(server, "me/it", hub.pack(models / "text.safetensors", tmp_path / "packed"))
    env = {"HF_ENDPOINT": server.endpoint, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}
    server.stalled = threading.Event()
    here = [sys.executable, "-c", "from gradwell.cli.main import main; main()", "hub", "pull", "me/it", "here"]
    pulling = subprocess.Popen(here, cwd=tmp_path, env=os.environ | env, stderr=subprocess.DEVNULL)
    assert server.stalled.wait(60), "half of the weights are there"
    pulling.kill()
    assert pulling.wait() == -9
    assert not (tmp_path / "here" / "config.json").exists()
    server.stalled = None
    done = gradwell_("hub", "pull", "me/it", "here", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "here").iterdir()} == server.repos["me/it"]


@pytest.mark.parametrize(("arguments", "says"), [
    (["pull", "me/nothing", "new"], "me/nothing cannot be fetched: the Hub has no such repository"),
    (["pull", "me/nothing", "full"], "full already holds a model"),
    (["push", "gone", "me/it"], "gone is no model: there is no such file; it can be the folder of a translator or an image classifier, or"),
    (["push", "full", "me/it"], "config.json is not of a Gradwell model"),
    (["card", "."], ". is no model: there is no config.json; it can be the folder of a translator or an image classifier, or the file of"),
    (["card", "full/config.json"], "is not a model"),
    (["dance"], "No such command 'dance'"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")  # fmt: skip
def test_bad_input_ends_in_one_clear_line(server, tmp_path, monkeypatch, arguments, says):
    monkeypatch.setattr(constants, "ENDPOINT", server.endpoint)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "config.json").write_text("{}")
    done = inside("hub", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert not (tmp_path / "new").exists()


def test_without_the_library_the_error_says_what_to_install(models, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for call in (lambda: hub.card(models / "images"), lambda: hub.from_pretrained("me/it")):
        with pytest.raises(DependencyError, match=r"pip install 'gradwell\[hub\]'"):
            call()


def test_a_text_model_saved_by_gradwell_is_taken_as_it_is(models, tmp_path):
    text_files.save(text_files.load(models / "text.bin"), tmp_path / "model.safetensors")
    packed = hub.pack(tmp_path / "model.safetensors", tmp_path / "packed")
    assert (packed / "model.safetensors").read_bytes() == (tmp_path / "model.safetensors").read_bytes()


def test_where_pretrained_vectors_lay_is_not_told(models, tmp_path):
    model = text_files.load(models / "text.bin")
    model.options = model.options.with_(pretrainedVectors="/home/someone/secret/some.vec")
    text_files.save(model, tmp_path / "it.safetensors")
    packed = hub.pack(tmp_path / "it.safetensors", tmp_path / "packed")
    assert not [path.name for path in packed.iterdir() if b"secret" in path.read_bytes()]
    assert "`pretrainedVectors='some.vec'`" in (packed / "README.md").read_text()
