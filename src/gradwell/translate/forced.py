"""How probable a given translation is, token by token."""

from __future__ import annotations

import torch

from gradwell.translate.batches import batch_of
from gradwell.translate.hypothesis import Hypothesis
from gradwell.translate.model import EncoderDecoder
from gradwell.translate.vocabulary import NEVER


@torch.inference_mode()
def forced(model: EncoderDecoder, sources: list[list[int]], targets: list[list[int]]) -> list[Hypothesis]:
    """The score and the attention of each token of the targets, `</s>` included."""
    device = model.decoder.bias.device
    batch = batch_of(sources, targets).to(device)
    logits, weights = model(batch)
    logits = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
    for token in NEVER:
        logits[:, :, token] = logits[:, :, token].where(batch.wanted == token, torch.tensor(-torch.inf, device=device))
    scores = logits.log_softmax(-1).gather(2, batch.wanted[:, :, None])[:, :, 0]
    out = []
    for i, (source, target) in enumerate(zip(sources, targets, strict=True)):
        found = scores[i, : len(target)].tolist()
        out.append(Hypothesis(list(target), found, weights[i, : len(target), : len(source)].cpu(), sum(found)))
    return out
