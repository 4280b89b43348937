"""Second looks: what they say of models that mix their examples, by fault or on purpose, and that the run never notices."""

import pytest
import torch
from torch import nn

import gradwell
from gradwell.doctor import signals
from gradwell.doctor.judge import judge
from tests.command import gradwell as command
from tests.command import python, script

N, T, D = 32, 9, 8  # examples of a batch, steps, inputs


class Mean(nn.Module):
    """A recurrent net whose outputs are averaged over time."""

    def __init__(self, batch_first):
        super().__init__()
        self.rnn, self.head = nn.GRU(D, 8, batch_first=batch_first), nn.Linear(8, 2)

    def forward(self, x):
        return self.head(self.rnn(x)[0].mean(1))


class Encoder(nn.Module):
    def __init__(self, batch_first):
        super().__init__()
        self.body = nn.TransformerEncoderLayer(D, 2, 16, batch_first=batch_first)
        self.head = nn.Linear(D, 2)

    def forward(self, x):
        return self.head(self.body(x).mean(1))


class Turned(nn.Module):
    """A recurrent net that turns (batch, time, inputs) into (time, batch, inputs), by transpose or by view."""

    def __init__(self, right):
        super().__init__()
        self.rnn, self.head, self.right = nn.GRU(D, 8), nn.Linear(8, 2), right

    def forward(self, x):
        return self.head(self.rnn(x.transpose(0, 1) if self.right else x.view(x.shape[1], x.shape[0], D))[0][-1])


class ByHand(nn.Module):
    """Attention written by hand, its softmax along the keys or down the examples."""

    def __init__(self, right):
        super().__init__()
        self.q, self.k, self.head, self.dim = nn.Linear(D, D), nn.Linear(D, D), nn.Linear(D, 2), -1 if right else 0

    def forward(self, x):
        return self.head((torch.softmax(self.q(x) @ self.k(x).mT, self.dim) @ x).mean(1))


class Normalized(nn.Module):
    """Batch normalisation, dropout, and statistics of the batch taken by hand, which do not ask for the order of the examples."""

    def __init__(self, _):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(T * D, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3))
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        h = self.body(x.flatten(1))
        return self.head(h - h.mean(0))


class Compares(nn.Module):
    """Attention between the examples, on purpose."""

    def __init__(self, _):
        super().__init__()
        self.enter, self.attention, self.head = nn.Linear(T * D, 8), nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 2)

    def forward(self, x):
        h = self.enter(x.flatten(1))[None]
        return self.head((h + self.attention(h, h, h)[0])[0])


class Experts(nn.Module):
    """A mixture of experts that have few places: who comes late in the batch may find none."""

    def __init__(self, _):
        super().__init__()
        self.rnn, self.gate = nn.GRU(D, 8, batch_first=True), nn.Linear(8, 2)
        self.experts, self.head = nn.ModuleList(nn.Linear(8, 8) for _ in range(2)), nn.Linear(8, 2)

    def forward(self, x):
        h = self.rnn(x)[0][:, -1]
        share = self.gate(h).softmax(-1)
        picked = nn.functional.one_hot(share.argmax(-1), 2)
        placed = picked * (picked.cumsum(0) <= len(x) // 3)
        return self.head(h + sum(placed[:, i:i + 1] * share[:, i:i + 1] * expert(h) for i, expert in enumerate(self.experts)))


class Frames(nn.Module):
    """Frames of one film, each with its label: the recurrent layer reads from one into the next, on purpose."""

    def __init__(self, _):
        super().__init__()
        self.enter, self.rnn, self.head = nn.Linear(T * D, 8), nn.GRU(8, 8, bidirectional=True), nn.Linear(16, 2)

    def forward(self, x):
        return self.head(self.rnn(self.enter(x.flatten(1))[:, None])[0][:, 0])


class Sentences(nn.Module):
    """Attention over words, with or without a mask for their padding; the embedding does not know of it."""

    def __init__(self, right):
        super().__init__()
        self.embed, self.attention, self.head, self.right = nn.Embedding(20, 8), nn.MultiheadAttention(8, 2, batch_first=True), \
            nn.Linear(8, 2), right

    def forward(self, words):
        x, padding = self.embed(words), words == 0
        x = x + self.attention(x, x, x, key_padding_mask=padding if self.right else None)[0]
        return self.head(x.masked_fill(padding[..., None], 0).sum(1))


class Lengths(nn.Module):
    """A recurrent net that is given lengths, and uses them or not."""

    def __init__(self, right):
        super().__init__()
        self.embed, self.rnn, self.head, self.right = nn.Embedding(20, 8), nn.LSTM(8, 8, batch_first=True), nn.Linear(8, 2), right

    def forward(self, words, lengths):
        h = self.rnn(self.embed(words))[0]
        return self.head(h[torch.arange(len(h)), lengths - 1] if self.right else h.mean(1))


def trained(model, *inputs, steps=40, every=1):
    """A session in which a model was trained on batches that come round again."""
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(2, (4 * N,), generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    with gradwell.watch(model, optimizer, every=every) as session:
        for i in range(steps):
            at = slice(i % 4 * N, (i % 4 + 1) * N)
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(*(x[at] for x in inputs)), y[at]).backward()
            optimizer.step()
    assert session.record.meta("probes_off") == {}
    return session


def numbers():
    return (torch.randn(4 * N, T, D, generator=torch.Generator().manual_seed(1)),)


def words():
    generator = torch.Generator().manual_seed(1)
    lengths = torch.randint(2, T + 1, (4 * N,), generator=generator)
    x = torch.randint(1, 20, (4 * N, T), generator=generator)
    return x.masked_fill(torch.arange(T) >= lengths[:, None], 0), lengths


@pytest.mark.parametrize(("kind", "inputs", "code"), [
    (Mean, numbers, "GW706"), (Encoder, numbers, "GW706"), (Turned, numbers, "GW706"), (ByHand, numbers, "GW308"),
    (Sentences, lambda: words()[:1], "GW802"), (Lengths, words, "GW705"),
])
def test_a_second_look_finds_what_mixes_examples_or_reads_padding(kind, inputs, code):
    torch.manual_seed(0)
    sick, well = trained(kind(False), *inputs()), trained(kind(True), *inputs())
    assert [f.code for f in judge(sick.record).findings if f.severity == "error"] == [code]
    assert code not in {f.code for f in judge(well.record).findings}
    assert list(well.record.facts(signals.EXCHANGE.name))


@pytest.mark.parametrize("kind", [Normalized, Compares, Experts, Frames])
def test_models_whose_examples_depend_on_each_other_on_purpose_are_left_in_peace(kind):
    torch.manual_seed(0)
    session = trained(kind(None), *numbers())
    assert any(any(look["others"]) for _, look in session.record.facts(signals.EXCHANGE.name))
    assert not {f.code for f in judge(session.record).findings} & {"GW308", "GW605", "GW705", "GW706", "GW802"}


def test_inputs_that_only_noise_seems_to_use_are_found_without_the_noise():
    class Deaf(nn.Module):
        def __init__(self, right):
            super().__init__()
            self.body, self.drop, self.head, self.right = nn.Linear(T * D, 8), nn.Dropout(0.5), nn.Linear(8, 2), right

        def forward(self, x):
            return self.head(self.drop(self.body(x.flatten(1) if self.right else torch.ones_like(x.flatten(1)))))

    torch.manual_seed(0)
    assert "GW605" in {f.code for f in judge(trained(Deaf(False), *numbers()).record).findings}
    assert "GW605" not in {f.code for f in judge(trained(Deaf(True), *numbers()).record).findings}


def test_what_moves_is_what_the_model_says_depends_on_what():
    torch.manual_seed(0)
    session = trained(Mean(True), *numbers())
    looks = [look for _, look in session.record.facts(signals.EXCHANGE.name)]
    assert [step for step, _ in session.record.facts(signals.EXCHANGE.name)] == [4, 33]
    assert all(all(look["own"]) and not any(look["others"]) for look in looks)
    back = [look for _, look in trained(Mean(False), *numbers()).record.facts(signals.EXCHANGE.name)]
    assert all(look["others"][0] > look["others"][-1] == 0.0 for look in back)  # it reads from each example into those after it


def test_the_cost_is_told_and_kept_apart_from_that_of_sampling():
    torch.manual_seed(0)
    session = trained(Mean(True), *numbers(), every=None)
    assert len(list(session.record.facts(signals.EXCHANGE.name))) <= 2
    assert session.record.meta("overhead")["seconds"] > 0


def test_a_state_that_is_kept_from_call_to_call_is_not_looked_at_and_told():
    class Keeps(Mean):
        state = None

        def forward(self, x):
            out, state = self.rnn(x[:16], self.state)
            self.state = state.detach()
            return self.head(out.mean(1)).repeat(2, 1) if len(x) == N else self.head(out.mean(1))

    torch.manual_seed(0)
    session = trained(Keeps(False), *numbers())
    assert not list(session.record.facts(signals.EXCHANGE.name))
    assert any("not tried" in words for words in session.record.meta("unseen"))


HOSTILE = """
import hashlib, sys, torch, random
from torch import nn
torch.manual_seed(0)
random.seed(0)
CALLS, SEEN, noise, log = 0, [], torch.Generator().manual_seed(3), open("log.txt", "w")
bank = torch.zeros(8)

class Odd(nn.Module):
    made = 0
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.ReLU(), nn.Linear(8, 3))
        self.register_buffer("count", torch.zeros((), dtype=torch.long))
        self.cache, self.hidden, self.times = {}, None, 0
    def forward(self, x):
        global CALLS
        CALLS += 1
        Odd.made += 1
        SEEN.append(len(x))
        self.times += 1
        self.count = self.count + 1
        self.cache[self.times % 3] = x.detach().sum().item()
        bank.add_(x.detach().mean(0))
        x = x + 0.01 * torch.randn(x.shape, generator=noise) + 0.001 * random.random()
        self.hidden = x.mean(0).detach() if self.hidden is None else 0.9 * self.hidden + 0.1 * x.mean(0).detach()
        print("call", CALLS, len(SEEN), Odd.made, flush=KIND == "flush")
        log.write(f"{CALLS}\\n")
        if KIND == "flush":
            log.flush()
        return self.body(x + self.hidden)

model = Odd()
model.body[0].register_forward_hook(lambda *_: print("hook", end=" "))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x, y = torch.randn(24, 8), torch.arange(24) % 3
for step in range(40):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    print(loss.item())
log.close()
data = b"".join(v.detach().contiguous().view(-1).view(torch.uint8).numpy().tobytes() for v in [*model.state_dict().values(), bank])
print(hashlib.sha256(data).hexdigest(), CALLS, Odd.made, len(SEEN), model.times, sorted(model.cache.items()), model.hidden.sum().item())
print(torch.rand(2), torch.rand(2, generator=noise), random.random(), open("log.txt").read().count("\\n"))
"""


@pytest.mark.parametrize("kind", ["plain", "flush"])
def test_a_model_with_side_effects_of_every_kind_runs_as_unwatched(kind, tmp_path):
    script(tmp_path, HOSTILE.replace("KIND", repr(kind)))
    plain, watched = python("train.py", cwd=tmp_path), command("run", "--every", 1, "train.py", cwd=tmp_path)
    assert plain.returncode == watched.returncode == 0, watched.stderr
    assert watched.stdout == plain.stdout
    assert "switched itself off" not in watched.stderr
    assert "was not tried" in watched.stderr


def test_no_global_hook_is_left_behind():
    from gradwell.watch.calls import Calls

    calls = Calls()
    calls.listen()
    calls.stop()
    assert not torch.nn.modules.module._has_any_global_hook()
