"""Attention, read from the graph of a loss on a sampled step: how the weights are spread, and what they give to padding.

Where the weights are a softmax's result, the graph has kept them; where they never left a fused kernel, they are computed again from
the queries and keys that it has kept, for a few examples.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gradwell.doctor import signals
from gradwell.doctor.record import Record
from gradwell.watch import nonfinite
from gradwell.watch.graph import RESHAPES, Node, Part, inputs, operation, saved, shape
from gradwell.watch.registry import Named

SOFTMAX = ("Softmax", "SafeSoftmax")
FUSED = "ScaledDotProduct"  # what the names of PyTorch's fused kernels begin with
EXAMPLES = 8  # of the first axis, that are looked at
QUERIES = 32  # of an example
LOOKS = 12  # at padding; a mask does not change later
NUMBERS = 500_000  # weights that are looked at
REACH = 5_000  # nodes before the values that are searched for embeddings
LITTLE = 0.05  # share of padding, below which it does not matter
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
    fused: bool = False  # then `whole` holds some `examples` of a batch and some `queries`
    examples: tuple[int, ...] = ()
    queries: tuple[int, ...] = ()

    @property
    def batch(self) -> int:
        """The length of the first axis, had all examples been computed."""
        return int(saved(self.node, "query").shape[0]) if self.fused else int(self.whole.shape[0])


class Attentions:
    """Finds the attention weights of a graph and measures them; knows each place again by the weight before it."""

    def __init__(self, record: Record, name: Callable[[Any], Named], put: Put) -> None:
        self._record, self._name, self._put = record, name, put
        self._sites: dict[tuple[int, int], int] = {}
        self._padded: Counter[int] = Counter()

    def look(self, order: list[Node], parts: list[Part], step: int) -> None:
        """Measure the weights of every attention in a graph."""
        candidates = [node for node in order if is_attention(node)]
        if not candidates:
            return
        takers: dict[Node, list[Node]] = {}
        for node in order:
            for child in inputs(node):
                takers.setdefault(child, []).append(node)
        layers = {part.node: part for part in parts if part.kind == "layer"}
        uses: dict[int, int] = {}
        for node in candidates:
            weights = attention(node, takers, layers)
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
        on_pads = on_padding(weights) if self._padded[site] < LOOKS else None
        if on_pads is not None:
            self._padded[site] += 1
            self._put(signals.ATTENTION_PADDING.name, site, step, on_pads)


def is_attention(node: Node) -> bool:
    """Whether a node may be attention."""
    name = operation(node)
    return name in SOFTMAX or name.startswith(FUSED)


def attention(node: Node, takers: dict[Node, list[Node]], layers: dict[Node, Part]) -> Weights | None:
    """The weights that a node stands for, the keys along the last axis; None where it is no attention."""
    if operation(node).startswith(FUSED):
        return recomputed(node)
    if operation(node) not in SOFTMAX or not isinstance(result := saved(node, "result"), Tensor) or result.dim() < 2:
        return None
    keys = int(node._saved_dim)
    weights = result.detach().movedim(keys - (1 << 64) if keys >= 1 << 63 else keys, -1)
    product = product_after(node, takers, result.numel())
    return None if product is None or is_gate(node, layers, weights.shape[-1]) else Weights(node, weights, product[1])


def is_gate(node: Node, layers: dict[Node, Part], choices: int) -> bool:
    """Whether a softmax is over the units of a linear layer, as in a mixture of experts: then it chooses units, not places."""
    for _ in range(STEPS):
        if node in layers:
            return choices in layers[node].weight.shape
        above = inputs(node)
        if len(above) != 1:
            return False
        node = above[0]
    return False


def product_after(node: Node, takers: dict[Node, list[Node]], numbers: int) -> tuple[Node, Node | None] | None:
    """The product of the weights with the values, and where the values came from; None where the softmax is used for something else."""
    front = [node]
    for _ in range(STEPS):
        following = []
        for at in front:
            for taker in takers.get(at, []):
                name = operation(taker)
                others = [n for n in inputs(taker) if n is not at]
                if name in PRODUCTS or (name == "Mul" and others and math.prod(shape(taker)) > numbers and is_summed(taker, takers)):
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


def recomputed(node: Node) -> Weights | None:
    """The weights (examples, heads, queries, keys) inside a fused kernel, for a few examples and queries."""
    query, key, mask = saved(node, "query"), saved(node, "key"), saved(node, "attn_mask", "attn_bias")
    if not isinstance(query, Tensor) or not isinstance(key, Tensor) or query.dim() != 4 or query.shape[:2] != key.shape[:2]:
        return None
    batch, heads, queries, keys = *query.shape[:3], key.shape[2]
    rows, at = evenly(batch, EXAMPLES), evenly(queries, QUERIES)
    if len(rows) * heads * len(at) * keys > NUMBERS:
        return None
    scale = saved(node, "scale")
    score = query.detach()[rows][:, :, at].float() @ key.detach()[rows].float().transpose(-2, -1)
    score = score * (1 / math.sqrt(query.shape[-1]) if scale is None else float(scale))
    if isinstance(mask, Tensor):
        mask = mask.detach().expand(batch, heads, queries, keys)[rows][:, :, at]
        score = score.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else score + mask.float()
    if saved(node, "is_causal"):
        places = torch.arange(max(queries, keys), device=score.device)
        score = score.masked_fill(places[:keys] > places[at][:, None], -math.inf)
    weights = score.softmax(-1).nan_to_num(0.0)  # a row without a key has no weights
    return Weights(node, weights, node.next_functions[2][0], fused=True, examples=tuple(rows), queries=tuple(at))


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
    whole, keys = weights.whole, weights.whole.shape[-1]
    masks = [] if weights.values is None else paddings(weights.values, keys, weights.batch)
    if not masks or any(len(mask) != len(masks[0]) for mask in masks):
        return None
    padded, silent = torch.stack(masks).all(0), torch.stack(masks).any(0)  # (examples, keys): surely padding, and perhaps
    if float(padded.float().mean()) < LITTLE:
        return None
    if weights.fused:
        at = list(weights.examples)
        padded, silent = padded[at], silent[at]
    asking = None
    if (int(saved(weights.node, "query").shape[2]) if weights.fused else whole.shape[-2] if whole.dim() > 2 else 1) == keys:
        asking = silent[:, list(weights.queries)] if weights.fused else silent  # queries are the words themselves
    chosen = padded.any(1).nonzero().flatten()
    if len(chosen) == 0:
        return None
    chosen = chosen[evenly(len(chosen), EXAMPLES)]
    heads = len(whole) // len(padded)
    layouts = [[chosen * heads + h for h in range(heads)], [chosen + h * len(padded) for h in range(heads)]]  # either may be the script's
    found = []
    for places in layouts[: 1 if heads == 1 else 2]:
        rows = whole[torch.cat(places)].float()
        rows = rows.reshape(heads, len(chosen), -1, rows.shape[-2] if rows.dim() > 2 else 1, keys)
        mass = (rows * padded[chosen][None, :, None, None]).sum(-1)  # (heads outside, examples, heads inside, queries)
        if asking is not None:
            mass = mass[~asking[chosen][None, :, None].expand_as(mass)]
        if mass.numel():
            found.append(mass.mean())
    return torch.stack(found).amin() if found else None


def paddings(values: Node, keys: int, first: int) -> list[Tensor]:
    """Where the sequences that the values were made from are padded: (examples, keys), for every embedding of this length.

    Empty where one of them has no padding_idx, or where it is not certain which axis is time.
    """
    front, seen, found = [values], {values}, []
    while front and len(seen) < REACH:
        following = []
        for node in front:
            index = saved(node, "indices") if operation(node) == "Embedding" else None
            if isinstance(index, Tensor) and index.dim() == 2 and keys in index.shape:
                padding = int(node._saved_padding_idx)
                fits = [ids for ids in (index, index.t()) if ids.shape[1] == keys and first % len(ids) == 0]
                if not fits or all(bool((ids == ids[:1]).all()) for ids in fits):
                    continue  # positions, the same for every example
                masks = [mask for ids in fits if is_edge(mask := ids == padding)]
                if len(masks) != 1 or padding >= 1 << 63:
                    return []
                found += masks
            for child in inputs(node):
                if child not in seen:
                    seen.add(child)
                    following.append(child)
        front = following
    return found


def is_edge(mask: Tensor) -> bool:
    """Whether padding (examples, time) is all at the end of the sequences, or all at their beginning."""
    changes = mask[:, 1:].int() - mask[:, :-1].int()
    return bool(mask.any()) and (bool((changes >= 0).all()) or bool((changes <= 0).all()))
