"""The most probable next token, or one drawn by lot, again and again until the sentence ends."""

from __future__ import annotations

import torch
from torch import Tensor

from gradwell.errors import OptionError
from gradwell.translate.batches import padded
from gradwell.translate.hypothesis import Hypothesis
from gradwell.translate.model import EncoderDecoder
from gradwell.translate.vocabulary import BOS, EOS, NEVER

CROWDED = 0.9  # when no more than this share of a batch goes on, the others are left out


def longest(lengths: Tensor) -> Tensor:
    """How many tokens a translation of sources of these lengths may have."""
    return 2 * lengths + 10


def read(sentences: list[list[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Sentences as one matrix (batch, time), and their lengths (batch)."""
    return padded(sentences).to(device), torch.tensor([len(sentence) for sentence in sentences])


@torch.inference_mode()
def greedy(
    model: EncoderDecoder, sentences: list[list[int]], temperature: float = 0.0, top_k: int = 0, top_p: float = 1.0, seed: int = 0
) -> list[Hypothesis]:
    """One translation of each sentence; drawn by lot where the temperature is above 0, from the top_k or top_p likeliest tokens."""
    if temperature < 0 or top_k < 0 or not 0 < top_p <= 1:
        given = f"temperature {temperature}, top_k {top_k}, top_p {top_p}"
        raise OptionError(f"{given}: the first two must be 0 or more, and top_p above 0 and up to 1")
    device = model.decoder.bias.device
    source, lengths = read(sentences, device)
    random = torch.Generator(device).manual_seed(seed)
    state, memory = model.begin(source, lengths)
    last = longest(lengths).tolist()
    rows = torch.arange(len(sentences), device=device)  # the sentences that go on; some may be over already
    token = torch.full_like(rows, BOS)
    said: list[list[int]] = [[] for _ in sentences]
    scores: list[list[float]] = [[] for _ in sentences]
    looked: list[Tensor] = []  # weights of each step, (sentences, source time)
    going = set(range(len(sentences)))
    while going:
        features, weights, state = model.decoder.step(token, state, memory)
        logp = possible(model.decoder.logits(features))
        score, token = logp.max(-1)
        if temperature:
            token = drawn(logp / temperature, top_k, top_p, random)
            score = logp.gather(1, token[:, None])[:, 0]
        looked.append(weights.new_zeros(len(sentences), weights.shape[1]).index_copy_(0, rows, weights))
        for row, one, likely in zip(rows.tolist(), token.tolist(), score.tolist(), strict=True):
            if row in going:
                said[row].append(one)
                scores[row].append(likely)
                if one == EOS or len(said[row]) >= last[row]:
                    going.remove(row)
        if len(going) <= CROWDED * len(rows):
            keep = torch.tensor([i for i, row in enumerate(rows.tolist()) if row in going], dtype=torch.long, device=device)
            rows, token, state, memory = rows[keep], token[keep], state.select(keep), memory.select(keep)
    whole = torch.stack(looked, 1)
    return [Hypothesis(said[i], scores[i], whole[i, : len(said[i]), : len(sentences[i])], sum(scores[i])) for i in range(len(sentences))]


def possible(logits: Tensor) -> Tensor:
    """Log-probabilities (..., vocabulary) of the tokens that a translation may contain, in single precision at least."""
    logits = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
    logits[..., NEVER] = -torch.inf
    return logits.log_softmax(-1)


def drawn(logits: Tensor, top_k: int, top_p: float, random: torch.Generator) -> Tensor:
    """A token for each row (batch), by lot among the likeliest (Fan et al. 2018; Holtzman et al. 2020)."""
    if top_k:
        least = logits.topk(min(top_k, logits.shape[1])).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    if top_p < 1:
        values, order = logits.sort(-1, descending=True)
        p = values.softmax(-1)
        values[p.cumsum(-1) - p >= top_p] = -torch.inf
        logits = torch.full_like(logits, -torch.inf).scatter(1, order, values)
    return torch.multinomial(logits.softmax(-1), 1, generator=random)[:, 0]
