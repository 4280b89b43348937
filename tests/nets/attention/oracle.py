"""Every kind of attention in plain numbers, one at a time, from its equation; and what tests give to them."""

import math

import torch
from hypothesis import HealthCheck, settings

from gradwell.nets.attention import attention

CHECK = settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
OPTIONS = {
    "additive": {"size": 5, "bias": True}, "dot": {}, "scaled-dot": {}, "general": {}, "location": {"longest": 6}, "local-p": {"window": 3},
    "multi-head": {"heads": 2, "size": 6}, "coverage": {"size": 5},
}
QUERY, KEY, VALUE = 4, 3, 5


def made(kind, dtype=torch.float64):
    """An attention with random weights, biases included."""
    torch.manual_seed(sum(map(ord, kind)))
    module = attention(kind, QUERY, QUERY if "dot" in kind else KEY, value_size=VALUE, **OPTIONS[kind]).double()
    for p in module.parameters():
        torch.nn.init.normal_(p)
    return module.to(dtype)


def asked(module, batch=3, queries=4, time=7, seed=0, dtype=torch.float64):
    """A query, keys, values, and a mask in which the first sentence is full, and the last empty."""
    draw = torch.Generator().manual_seed(seed)
    query, keys, values = (
        torch.randn(batch, n, size, dtype=dtype, generator=draw)
        for n, size in ((queries, module.query_size), (time, module.key_size), (time, module.value_size))
    )
    lengths = torch.linspace(time, 0, batch).round()[:, None]
    return query, keys, values, torch.arange(time)[None] < lengths


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def times(matrix, vector):
    return [dot(row, vector) for row in matrix]


def added(*vectors):
    return [sum(numbers) for numbers in zip(*vectors, strict=True)]


def tanh(vector):
    return [math.tanh(x) for x in vector]


def softmax(scores, words):
    total = sum(math.exp(scores[j]) for j in words)
    return [math.exp(scores[j]) / total if j in words else 0.0 for j in range(len(scores))]


def slow(kind, module, query, keys, values, mask):
    """Contexts and weights of a batch, as nested lists."""
    out = []
    for b in range(len(query)):
        words = [j for j in range(keys.shape[1]) if mask[b, j]]
        out.append(sentence(kind, module, query[b].tolist(), keys[b].tolist(), values[b].tolist(), words))
    contexts, weights = zip(*out, strict=True)
    return torch.tensor(contexts, dtype=query.dtype), torch.tensor(weights, dtype=query.dtype)


def sentence(kind, module, queries, keys, values, words):
    contexts, weights = [], []
    covered = [0.0] * len(keys)
    for q in queries:
        if kind == "multi-head":
            context, weight = heads(module, q, keys, values, words)
        else:
            weight = WEIGH[kind](module, q, keys, words, covered) if words else [0.0] * len(keys)
            context = [sum(weight[j] * values[j][n] for j in range(len(keys))) for n in range(len(values[0]))]
        contexts.append(context)
        weights.append(weight)
        covered = added(covered, weight)
    return contexts, weights


def additive(m, q, keys, words, covered):
    w, u, b, v = m.w.weight.tolist(), m.u.weight.tolist(), m.u.bias.tolist(), m.v.tolist()
    return softmax([dot(v, tanh(added(times(w, q), times(u, k), b))) for k in keys], words)


def coverage(m, q, keys, words, covered):
    w, u, b, v, c = m.w.weight.tolist(), m.u.weight.tolist(), m.u.bias.tolist(), m.v.tolist(), m.c.tolist()
    scores = [dot(v, tanh(added(times(w, q), times(u, k), b, [x * covered[j] for x in c]))) for j, k in enumerate(keys)]
    return softmax(scores, words)


def general(m, q, keys, words, covered):
    return softmax([dot(q, times(m.w.weight.tolist(), k)) for k in keys], words)


def location(m, q, keys, words, covered):
    scores = times(m.w.weight.tolist(), q)
    return softmax((scores + [0.0] * len(keys))[: len(keys)], [j for j in words if j < m.longest])


def local(m, q, keys, words, covered):
    centre = len(words) / (1 + math.exp(-times(m.v.weight.tolist(), tanh(times(m.p.weight.tolist(), q)))[0]))
    scores = [dot(q, times(m.w.weight.tolist(), k)) for k in keys]
    near = [j for place, j in enumerate(words) if abs(place - centre) <= m.window]
    weights, sigma = softmax(scores, near), m.window / 2
    for place, j in enumerate(words):
        weights[j] *= math.exp(-((place - centre) ** 2) / (2 * sigma**2))
    return weights


def heads(m, q, keys, values, words):
    if not words:
        return [0.0] * m.context_size, [0.0] * len(keys)
    wq, wk, wv, wo = (lambda x, p=p: added(times(p.weight.tolist(), x), p.bias.tolist()) for p in (m.wq, m.wk, m.wv, m.wo))
    size = m.context_size // m.heads
    joined, weights = [], []
    for h in range(m.heads):
        part = slice(h * size, (h + 1) * size)
        weights.append(softmax([dot(wq(q)[part], wk(k)[part]) / math.sqrt(size) for k in keys], words))
        joined += [sum(weights[h][j] * wv(x)[part][n] for j, x in enumerate(values)) for n in range(size)]
    return wo(joined), [sum(column) / m.heads for column in zip(*weights, strict=True)]


WEIGH = {
    "additive": additive, "coverage": coverage, "general": general, "location": location, "local-p": local,
    "dot": lambda m, q, keys, words, covered: softmax([dot(q, k) for k in keys], words),
    "scaled-dot": lambda m, q, keys, words, covered: softmax([dot(q, k) / math.sqrt(len(q)) for k in keys], words),
}
