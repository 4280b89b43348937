"""Attention, read from the graph of a loss on a sampled step: how the weights are spread, and what they give to padding.

Where the weights are a softmax's result, the graph has kept them; where they never left a fused kernel, they are computed again from
the queries and keys that it has kept, for a few examples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gradwell.doctor import signals
from gradwell.doctor.record import Record
from gradwell.watch import nonfinite
from gradwell.watch.graph import RESHAPES, Node, Part, inputs, operation, saved
from gradwell.watch.registry import Named

SOFTMAX = ("Softmax", "SafeSoftmax")
FUSED = "ScaledDotProduct"  # what the names of PyTorch's fused kernels begin with
EXAMPLES = 8  # of the first axis, that are looked at
QUERIES = 32  # of an example
NUMBERS = 500_000  # weights that are looked at
STEPS = 12  # nodes between the weights and the product with the values, at most
PASS = RESHAPES | {"NativeDropout", "Mul", "MaskedFill", "NanToNum", "Where"}
PRODUCTS = ("Bmm", "Mm", "Mv", "Baddbmm")
MASKS = ("MaskedFill", "Baddbmm", "Add", "Where", "MaskedScatter")
Put = Callable[[str, int, int, Tensor], None]  # signal, site, step, a 0-d tensor


@dataclass(frozen=True)
class Weights:
    """Attention weights (first axis, ..., queries, keys) of one node; the first axis counts examples, or examples times heads."""

    node: Node
    whole: Tensor
    values: Node | None  # what the weights are multiplied with
    fused: bool = False


class Attentions:
    """Finds the attention weights of a graph and measures them; knows each place again by the weight before it."""

    def __init__(self, record: Record, name: Callable[[Any], Named], put: Put) -> None:
        self._record, self._name, self._put = record, name, put
        self._sites: dict[tuple[int, int], int] = {}

    def look(self, order: list[Node], parts: list[Part], step: int) -> None:
        """Measure the weights of every attention in a graph."""
        if not any(is_attention(node) for node in order):
            return
        takers: dict[Node, list[Node]] = {}
        for node in order:
            for child in inputs(node):
                takers.setdefault(child, []).append(node)
        layers = {part.node: part for part in parts if part.kind == "layer"}
        uses: dict[int, int] = {}
        for node in order:
            weights = attention(node, takers)
            if weights is None or weights.whole.dim() < 2 or weights.whole.shape[-1] < 2:
                continue
            owner = nearest(node, layers)
            ordinal = uses[id(owner)] = uses.get(id(owner), -1) + 1
            self._measure(weights, self._site(owner, ordinal), order, step)

    def _site(self, owner: Any, ordinal: int) -> int:
        key = id(owner), min(ordinal, 3)  # of a decoder that attends once a step, all later steps are one place
        if key not in self._sites:
            named = self._name(owner) if owner is not None else Named("input", "")
            self._sites[key] = self._record.site("attention", named.module, "attention", named.file, named.line)
        return self._sites[key]

    def _measure(self, weights: Weights, site: int, order: list[Node], step: int) -> None:
        if not weights.fused:
            broken = weights.whole[..., 0].isnan()
            share = broken.float().mean()
            if bool(share > 0):
                if masked_whole(weights.node, order):
                    self._put(signals.MASKED_ROWS.name, site, step, share)
                return
            self._put(signals.MASKED_ROWS.name, site, step, share)
        least, most, varies = spread(some(weights.whole))
        self._put(signals.ATTENTION_LEAST.name, site, step, least)
        self._put(signals.ATTENTION_MOST.name, site, step, most)
        self._put(signals.ATTENTION_VARIES.name, site, step, varies)
        share = on_padding(weights)
        if share is not None:
            self._put(signals.ATTENTION_PADDING.name, site, step, share)


def is_attention(node: Node) -> bool:
    """Whether a node may be attention."""
    name = operation(node)
    return name in SOFTMAX or name.startswith(FUSED)


def attention(node: Node, takers: dict[Node, list[Node]]) -> Weights | None:
    """The weights that a node stands for, the keys along the last axis; None where it is no attention."""
    name = operation(node)
    if name.startswith(FUSED):
        found = recomputed(node)
        return None if found is None else Weights(node, found, node.next_functions[2][0], fused=True)
    if name not in SOFTMAX or not isinstance(result := saved(node, "result"), Tensor):
        return None
    dim = saved(node, "dim")
    keys = (dim if isinstance(dim, int) else -1) % (1 << 64)
    keys = keys - (1 << 64) if keys >= 1 << 63 else keys
    product = product_after(node, takers, result.numel())
    return None if product is None or result.dim() == 0 else Weights(node, result.detach().movedim(keys, -1), product[1])


def product_after(node: Node, takers: dict[Node, list[Node]], numbers: int) -> tuple[Node, Node | None] | None:
    """The product of the weights with the values, and where the values came from; None where the softmax is used for something else."""
    front = [node]
    for _ in range(STEPS):
        following = []
        for at in front:
            for taker in takers.get(at, []):
                name, edges = operation(taker), [n for n, _ in taker.next_functions]
                others = [n for n in edges if n is not None and n is not at]
                if name in PRODUCTS or (name == "Mul" and others and is_summed(taker, takers)):
                    return taker, others[-1] if others else None
                if name in PASS and not (name == "Mul" and others):
                    following.append(taker)
        if not following:
            return None
        front = following[:4]
    return None


def is_summed(node: Node, takers: dict[Node, list[Node]]) -> bool:
    """Whether what a product gives is summed up."""
    return any(operation(taker) in ("Sum", "Mean") for taker in takers.get(node, []))


def nearest(node: Node, layers: dict[Node, Part]) -> Any:
    """The weight of the layer nearest before a node; None where there is none."""
    front, seen = [node], {node}
    while front and len(seen) < 100:
        for at in front:
            if at in layers:
                return layers[at].weight
        front = [n for at in front for n in inputs(at) if not (n in seen or seen.add(n))]  # type: ignore[func-returns-value]
    return None


def recomputed(node: Node) -> Tensor | None:
    """The weights inside a fused kernel, for a few examples and queries; (examples, heads, queries, keys)."""
    query, key = saved(node, "query"), saved(node, "key")
    if not isinstance(query, Tensor) or not isinstance(key, Tensor) or query.dim() != 4 or query.shape[:2] != key.shape[:2]:
        return None
    mask, causal, scale = saved(node, "attn_mask", "attn_bias"), bool(saved(node, "is_causal")), saved(node, "scale")
    rows, at = evenly(len(query), EXAMPLES), evenly(query.shape[2], QUERIES)
    query, key = query[rows][:, :, at].detach().float(), key[rows].detach().float()
    if query.shape[0] * query.shape[1] * query.shape[2] * key.shape[2] > NUMBERS:
        return None
    score = query @ key.transpose(-2, -1) * (float(scale) if scale is not None else 1 / math.sqrt(query.shape[-1]))
    if isinstance(mask, Tensor):
        mask = mask.detach().expand(*([len(saved(node, "query"))] + list(score.shape[1:2])), -1, -1) if mask.dim() == 4 else mask.detach()
        mask = mask[rows] if mask.dim() == 4 else mask
        mask = mask[..., at, :] if mask.shape[-2] > 1 else mask
        score = score.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else score + mask
    if causal:
        keys = torch.arange(key.shape[2], device=key.device)
        score = score.masked_fill(keys > torch.tensor(at, device=key.device)[:, None], -math.inf)
    return score.softmax(-1).nan_to_num(0.0)


def evenly(length: int, most: int) -> list[int]:
    """Some evenly spaced indices."""
    return list(range(0, length, max(1, -(-length // most))))


def some(weights: Tensor) -> Tensor:
    """The weights of a few examples and queries: (examples, rows, keys)."""
    weights = weights[evenly(len(weights), EXAMPLES)]
    if weights.dim() == 2:
        weights = weights.unsqueeze(1)
    weights = weights[..., evenly(weights.shape[-2], QUERIES), :]
    table = weights.reshape(len(weights), -1, weights.shape[-1]).float()
    return table[:, :: max(1, table.numel() // NUMBERS)]


def spread(weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of weights (examples, rows, keys): the entropy of a row over that of equal weights, at the lowest and highest 5 % of the rows that
    see several keys; and the share of a row's weight that lies elsewhere than in the examples' mean, averaged over rows.

    A key whose weight is exactly 0 counts as masked.
    """
    seen = (weights > 0).sum(-1)
    entropy = torch.special.entr(weights).sum(-1) / seen.clamp_min(2).log()
    entropy = entropy[seen > 1]
    moved = (weights - weights.mean(0)).abs().sum(-1).mean() / 2
    if entropy.numel() == 0:
        entropy = weights.new_full((1,), math.nan)
    ordered = entropy.sort().values
    return ordered[int(0.05 * (len(ordered) - 1))], ordered[math.ceil(0.95 * (len(ordered) - 1))], moved


def masked_whole(node: Node, order: list[Node]) -> bool:
    """Whether the rows of a softmax that are NaN are masked as a whole: nothing before it is NaN, and its scores were finite before
    the mask.
    """
    for before in order:
        if before is node:
            break
        leaf = operation(before) == "AccumulateGrad"
        values = [before.variable.detach()] if leaf else [saved(before, name) for name in (*nonfinite.SAVED, "batch1", "batch2")]
        if not all(map(nonfinite.is_finite, values)):
            return False
    at, masked = node, False
    for _ in range(STEPS):
        name, above = operation(at), inputs(at)
        masked = masked or name in MASKS
        if name in ("Bmm", "Baddbmm"):
            first, second = saved(at, "self", "batch1"), saved(at, "mat2", "batch2")
            both = isinstance(first, Tensor) and isinstance(second, Tensor)
            return masked and (not both or fits(first.detach(), second.detach()))
        if not above:
            break
        at = above[0]
    return masked


def fits(first: Tensor, second: Tensor) -> bool:
    """Whether no product of these rows and columns can overflow."""
    largest = float(first.abs().amax()) * float(second.abs().amax()) * first.shape[-1]
    return largest < torch.finfo(first.dtype).max


def on_padding(weights: Weights) -> Tensor | None:
    """The weight that words give to padding, averaged over the rows of examples with padding; None where padding is not known for sure.

    Padding is what an embedding with padding_idx was given, at the end (or the beginning) of its sequences.
    """
    masks = list(paddings(weights.values, weights.whole.shape[-1])) if weights.values is not None and not weights.fused else []
    if not masks:
        return None
    first, keys = weights.whole.shape[0], weights.whole.shape[-1]
    masks = [mask for mask in masks if first % len(mask) == 0 and len(mask) == len(masks[0])]
    if not masks:
        return None
    padded = torch.stack(masks).all(0)  # (examples, keys)
    silent = torch.stack(masks).any(0)  # queries that may be padding
    if float(padded.float().mean()) < 0.05:
        return None
    chosen = padded.any(1).nonzero().flatten()
    chosen = chosen[evenly(len(chosen), EXAMPLES)]
    heads = first // len(padded)
    found = []
    for places in {True: [chosen * heads + h for h in range(heads)], False: [chosen + h * len(padded) for h in range(heads)]}.values():
        rows = weights.whole[torch.cat(places)].float()
        rows = rows.reshape(heads, len(chosen), -1, rows.shape[-2] if rows.dim() > 2 else 1, keys)  # (heads, examples, heads, queries, keys)
        mass = (rows * padded[chosen][None, :, None, None]).sum(-1)
        if mass.shape[-1] == keys:
            words = ~silent[chosen][None, :, None].expand_as(mass)
            mass = mass[words]
        if mass.numel():
            found.append(mass.mean())
        if heads == 1:
            break
    return torch.stack(found).amin() if found else None


def paddings(values: Node, keys: int) -> Iterator[Tensor]:
    """Where the sequences that the values were made from are padded: (examples, keys), for every embedding that fits."""
    front, seen = [values], {values}
    while front and len(seen) < 5_000:
        following = []
        for node in front:
            if operation(node) == "Embedding":
                index, padding = saved(node, "indices"), saved(node, "padding_idx")
                if isinstance(index, Tensor) and index.dim() == 2 and isinstance(padding, int) and 0 <= padding < 1 << 62:
                    for mask in (index == padding, (index == padding).t()):
                        if mask.shape[1] == keys and is_edge(mask):
                            yield mask
                            break
            for child in inputs(node):
                if child not in seen:
                    seen.add(child)
                    following.append(child)
        front = following


def is_edge(mask: Tensor) -> bool:
    """Whether padding (examples, time) is all at the end of the sequences, or all at their beginning."""
    changes = mask[:, 1:].int() - mask[:, :-1].int()
    return bool(mask.any()) and (bool((changes >= 0).all()) or bool((changes <= 0).all()))
