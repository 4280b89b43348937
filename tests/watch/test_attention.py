"""Attention is found in the graph however it is written, and its weights are measured as they are."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import gradwell
from gradwell.doctor import signals

N, T, SIZE = 4, 6, 8
LENGTHS = torch.tensor([6, 4, 3, 2])
WORDS = torch.arange(1, T + 1).repeat(N, 1).masked_fill(torch.arange(T) >= LENGTHS[:, None], 0)


class Net(nn.Module):
    """One attention over embedded words, written in one of many ways; `weights` keeps what it gave."""

    def __init__(self, form, masked):
        super().__init__()
        self.form, self.masked = form, masked
        self.embed = nn.Embedding(T + 1, SIZE, padding_idx=0)
        self.query, self.key = nn.Linear(SIZE, SIZE), nn.Linear(SIZE, SIZE)
        self.mha = nn.MultiheadAttention(SIZE, 2, batch_first=True)

    def forward(self, words):
        x, mask = self.embed(words), words == 0
        ignored = mask if self.masked else None
        if self.form == "module":
            found, self.weights = self.mha(x, x, x, key_padding_mask=ignored, average_attn_weights=False)
        elif self.form == "module, time first":
            x = self.embed(words.t()).transpose(0, 1)
            found, self.weights = self.mha(x, x, x, key_padding_mask=ignored, average_attn_weights=False)
        else:
            q, k = self.query(x), self.key(x)
            if self.form == "fused":
                q, k, v = (part.view(N, T, 2, 4).transpose(1, 2) for part in (q, k, x))
                allowed = None if ignored is None else ~ignored[:, None, None]
                found = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed).transpose(1, 2).flatten(2)
                score = q @ k.transpose(-2, -1) / 2
                self.weights = (score if allowed is None else score.masked_fill(~allowed, -math.inf)).softmax(-1)
            else:
                score = q @ k.transpose(1, 2)
                score = score if ignored is None else score.masked_fill(ignored[:, None], -math.inf)
                self.weights = score.softmax(-1)
                found = F.dropout(self.weights, 0.1) @ x
        return found[~mask].sum()


def look(net, words=WORDS, steps=1):
    """The attention's only place, after some steps."""
    with gradwell.watch(every=1) as session:
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
        for _ in range(steps):
            optimizer.zero_grad()
            net(words).backward()
            optimizer.step()
    assert not session.record.meta("probes_off")
    return session.record


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("form", ["module", "module, time first", "fused", "by hand"])
def test_the_weight_that_words_give_to_padding_is_that_of_the_attention_itself(form, masked):
    torch.manual_seed(0)
    net = Net(form, masked)
    record = look(net)
    (site,) = record.sites("attention")
    weights = net.weights.detach() if net.weights.dim() == 4 else net.weights.detach()[:, None]
    padding = WORDS == 0
    rows = torch.cat([(weights[i, :, : LENGTHS[i]] * padding[i]).sum(-1).flatten() for i in range(1, N)])
    ((_, measured),) = record.series(signals.ATTENTION_PADDING.name, site)
    assert measured == pytest.approx(float(rows.mean()), rel=1e-3 if "module" in form else 1e-5)  # heads may be laid out in two ways
    assert (measured == 0) == masked


@pytest.mark.parametrize("form", ["module", "fused", "by hand"])
def test_the_entropy_is_that_of_the_attention_itself(form):
    torch.manual_seed(0)
    net = Net(form, masked=False)
    record = look(net)
    (site,) = record.sites("attention")
    entropy = torch.distributions.Categorical(net.weights.detach()).entropy().flatten().sort().values / math.log(T)
    low, high = (record.series(signal.name, site)[0][1] for signal in (signals.ATTENTION_LEAST, signals.ATTENTION_MOST))
    assert low == pytest.approx(float(entropy[int(0.05 * (len(entropy) - 1))]), abs=1e-5)
    assert high == pytest.approx(float(entropy[math.ceil(0.95 * (len(entropy) - 1))]), abs=1e-5)


@pytest.mark.parametrize("form", ["module", "by hand"])
def test_a_row_whose_every_key_is_masked_is_seen(form):
    torch.manual_seed(0)
    words = WORDS.clone()
    words[1] = 0
    record = look(Net(form, masked=True), words)
    (site,) = record.sites("attention")
    ((_, share),) = record.series(signals.MASKED_ROWS.name, site)
    assert share == pytest.approx(1 / N)


def test_rows_that_are_nan_because_their_input_is_are_not_masked():
    torch.manual_seed(0)
    net = Net("module", masked=True)
    with torch.no_grad():
        net.embed.weight[2] = math.nan
    record = look(net)
    assert record.series(signals.MASKED_ROWS.name) == []


def test_causal_rows_that_see_one_key_only_count_for_nothing():
    torch.manual_seed(0)
    q = torch.zeros(2, 1, 5, 4, requires_grad=True)
    with gradwell.watch(every=1) as session:
        optimizer = torch.optim.SGD([q], lr=0.1)
        F.scaled_dot_product_attention(q, q, q, is_causal=True).sum().backward()
        optimizer.step()
    (site,) = session.record.sites("attention")
    assert session.record.series(signals.ATTENTION_LEAST.name, site)[0][1] == pytest.approx(1.0, abs=1e-5)


def test_a_mixture_of_experts_is_no_attention():
    torch.manual_seed(0)
    gate, experts = nn.Linear(4, 3), nn.ModuleList(nn.Linear(4, 2) for _ in range(3))
    with gradwell.watch(every=1) as session:
        optimizer = torch.optim.SGD([*gate.parameters(), *experts.parameters()], lr=0.1)
        x = torch.randn(8, 4)
        outs = torch.stack([expert(x) for expert in experts], 1)
        (gate(x).softmax(-1)[..., None] * outs).sum(1).square().mean().backward()
        optimizer.step()
    assert session.record.sites("attention") == []


class Block(nn.Module):
    """A block of a transformer with small initial weights, as BERT's; `sick` squashes everything above it ten times."""

    def __init__(self, sick):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(32, 32) for _ in range(3))
        squashed = [part for _ in range(10 * sick) for part in (nn.Linear(32, 32), nn.Sigmoid())]
        self.above = nn.Sequential(*squashed, nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 4))
        for layer in (self.query, self.key, self.value):
            nn.init.normal_(layer.weight, std=0.02)

    def forward(self, x):
        weights = (self.query(x) @ self.key(x).transpose(1, 2) / 32**0.5).softmax(-1)
        return self.above((x + weights @ self.value(x)).mean(1))


@pytest.mark.parametrize("sick", [False, True])
@pytest.mark.parametrize("whole", [nn.Sequential, lambda block: block])
def test_queries_and_keys_get_little_by_nature_and_what_vanishes_takes_the_value_along(whole, sick):
    torch.manual_seed(0)
    x, y = 0.1 * torch.randn(32, 12, 32), torch.arange(32) % 4
    block = whole(Block(sick))
    optimizer = torch.optim.SGD(block.parameters(), 0.01)
    with gradwell.watch(block, optimizer, every=1) as session:
        for _ in range(10):
            optimizer.zero_grad()
            F.cross_entropy(block(x), y).backward()
            optimizer.step()
    assert ("GW201" in {finding.code for finding in session.findings()}) == sick
