"""Encoder and decoder: what stands beside a sentence never changes it."""

import pytest
import torch

from gradwell.nets.attention import KINDS
from gradwell.translate.batches import batch_of
from gradwell.translate.model import EncoderDecoder, loss
from gradwell.translate.options import Options
from gradwell.translate.vocabulary import BOS, EOS

SMALL = {"embedding": 8, "hidden": 16, "dropout": 0.0}
SOURCES = [[5, 6, 7, EOS], [8, EOS], [9, 4, 4, 5, 6, EOS]]
TARGETS = [[6, 6, EOS], [7, 8, 9, 4, EOS], [4, EOS]]
EVERY = [{"attention": kind} for kind in ("none", *KINDS)]
TWO = {"encoder_layers": 2, "decoder_layers": 2}
MORE = [{"cell": "lstm"}, {"input_feeding": False}, {"cell": "lstm"} | TWO, {"shared_vocabulary": False}]


def model_of(**options):
    torch.manual_seed(0)
    return EncoderDecoder(Options(**SMALL | options), 12, 12).eval()


@pytest.mark.parametrize("options", EVERY + MORE, ids=str)
def test_a_sentence_has_the_same_scores_alone_and_in_any_batch(options):
    model = model_of(**options)
    together, weights = model(batch_of(SOURCES, TARGETS))
    order = [2, 0, 1]
    turned, _ = model(batch_of([SOURCES[i] for i in order], [TARGETS[i] for i in order]))
    for i, (source, target) in enumerate(zip(SOURCES, TARGETS, strict=True)):
        alone, own = model(batch_of([source], [target]))
        n, m = len(target), len(source)
        torch.testing.assert_close(together[i, :n], alone[0], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(turned[order.index(i), :n], alone[0], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(weights[i, :n, :m], own[0], atol=1e-5, rtol=1e-5)
        assert not weights[i, :n, m:].any(), "padding receives no attention"


@pytest.mark.parametrize("options", EVERY + MORE, ids=str)
def test_steps_one_by_one_give_what_all_at_once_give(options):
    model = model_of(**options)
    batch = batch_of(SOURCES, TARGETS)
    logits, weights = model(batch)
    state, memory = model.begin(batch.source, batch.lengths)
    token = torch.full((3,), BOS)
    for t in range(batch.wanted.shape[1]):
        features, weight, state = model.decoder.step(token, state, memory)
        rows = torch.tensor([len(target) > t for target in TARGETS])
        torch.testing.assert_close(model.decoder.logits(features)[rows], logits[rows, t], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(weight[rows], weights[rows, t], atol=1e-5, rtol=1e-5)
        token = batch.wanted[:, t]


def test_coverage_is_the_running_sum_of_the_weights():
    model = model_of(attention="coverage")
    batch = batch_of(SOURCES, TARGETS)
    state, memory = model.begin(batch.source, batch.lengths)
    total = torch.zeros_like(state.coverage)
    for t in range(3):
        _, weight, state = model.decoder.step(batch.given[:, t], state, memory)
        total += weight
        torch.testing.assert_close(state.coverage, total)
        rows = torch.tensor([2, 0, 1])
        state, memory, total = state.select(rows), memory.select(rows), total[rows]


def test_every_weight_is_learned():
    for options in EVERY:
        model = model_of(**options).train()
        logits, _ = model(batch_of(SOURCES, TARGETS))
        loss(logits, batch_of(SOURCES, TARGETS).wanted, 0.1).backward()
        assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in model.parameters()), options


def test_scheduled_sampling_feeds_what_the_model_says():
    model = model_of()
    batch = batch_of(SOURCES, TARGETS)
    true, _ = model(batch)
    own, _ = model(batch, own=1.0)
    torch.testing.assert_close(own[:, 0], true[:, 0])
    said = true[:, 0].argmax(-1)
    state, memory = model.begin(batch.source, batch.lengths)
    _, _, state = model.decoder.step(batch.given[:, 0], state, memory)
    features, _, _ = model.decoder.step(said, state, memory)
    torch.testing.assert_close(own[:, 1], model.decoder.logits(features), atol=1e-5, rtol=1e-5)


def test_padding_does_not_count_in_the_loss():
    model = model_of()
    logits, _ = model(batch_of(SOURCES, TARGETS))
    batch = batch_of(SOURCES, TARGETS)
    logp = logits.log_softmax(-1)
    by_hand = -torch.stack([logp[i, t, token] for i, target in enumerate(TARGETS) for t, token in enumerate(target)]).mean()
    torch.testing.assert_close(loss(logits, batch.wanted), by_hand)
