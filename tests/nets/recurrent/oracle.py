"""The slow, trusted way: torch's own cells, one step after the other."""

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

import gradwell.nets.recurrent as ours

KINDS = ["LSTM", "GRU", "tanh", "relu"]
CELLS = {"LSTM": nn.LSTMCell, "GRU": nn.GRUCell, "tanh": nn.RNNCell, "relu": nn.RNNCell}


def theirs(kind, *sizes, dtype=torch.float64, seed=0, **options):
    """One of torch's layers."""
    torch.manual_seed(seed)
    if kind in ("tanh", "relu"):
        return nn.RNN(*sizes, nonlinearity=kind, **options).to(dtype)
    return getattr(nn, kind)(*sizes, **options).to(dtype)


def mine(kind, *sizes, dtype=torch.float64, seed=0, **options):
    """One of our layers."""
    torch.manual_seed(seed)
    if kind in ("tanh", "relu"):
        return ours.RNN(*sizes, nonlinearity=kind, **options).to(dtype)
    return getattr(ours, kind)(*sizes, **options).to(dtype)


def draw(*shape, seed=1, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def state_for(layer, batch, seed=2):
    """A state, drawn."""
    count = layer.num_layers * (2 if layer.bidirectional else 1)
    dtype = layer.weight_ih_l0.dtype
    h, c = draw(count, batch, layer.hidden_size, seed=seed, dtype=dtype), draw(count, batch, layer.hidden_size, seed=seed + 1, dtype=dtype)
    return (h, c) if layer.mode == "LSTM" else h


def padded(y):
    """A layer's output as a padded tensor."""
    return pad_packed_sequence(y)[0] if isinstance(y, PackedSequence) else y


def flat(*values):
    """All tensors in nested tuples."""
    for value in values:
        if isinstance(value, PackedSequence):
            yield value.data
        elif isinstance(value, torch.Tensor):
            yield value
        elif value is not None:
            yield from flat(*value)


def cell_of(layer, kind, k, direction):
    """torch's cell with the weights of one layer in one direction."""
    end = f"_l{k}" + "_reverse" * direction
    weight = getattr(layer, "weight_ih" + end)
    more = {"nonlinearity": kind} if kind in ("tanh", "relu") else {}
    cell = CELLS[kind](weight.shape[1], layer.hidden_size, bias=layer.bias, dtype=weight.dtype, **more)
    for name, _ in list(cell.named_parameters()):
        delattr(cell, name)
        setattr(cell, name, getattr(layer, name + end))
    return cell


def open_cell(cell, x, h, c):
    """torch's LSTMCell, written out: inside the cell itself c has no gradient by way of its own h."""
    expected = cell(x, (h, c))
    linear = nn.functional.linear
    i, f, g, o = (linear(x, cell.weight_ih, cell.bias_ih) + linear(h, cell.weight_hh, cell.bias_hh)).chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    torch.testing.assert_close((h, c), expected)
    return h, c


def unrolled(layer, kind, x, lengths, state, kept=None):
    """The output of a layer (time, batch, ...) by torch's cells; `kept` collects h_t and c_t by (layer, direction, step, sequence)."""
    h0, c0 = state if kind == "LSTM" else (state, None)
    sequences = [x[:n, b] for b, n in enumerate(lengths)]
    directions = 2 if layer.bidirectional else 1
    for k in range(layer.num_layers):
        parts = [[None] * directions for _ in sequences]
        for d in range(directions):
            cell = cell_of(layer, kind, k, d)
            for b, xs in enumerate(sequences):
                place = k * directions + d
                h, c = h0[place, b], None if c0 is None else c0[place, b]
                hs = [None] * len(xs)
                for t in reversed(range(len(xs))) if d else range(len(xs)):
                    if kind == "LSTM":
                        h, c = open_cell(cell, xs[t], h, c)
                    else:
                        h = cell(xs[t], h)
                    hs[t] = h
                    if kept is not None:
                        for s in (h, c):
                            if s is not None and s.requires_grad:
                                s.retain_grad()
                        kept[k, d, t, b] = (h, c)
                parts[b][d] = torch.stack(hs)
        sequences = [torch.cat(p, -1) for p in parts]
    return nn.utils.rnn.pad_sequence(sequences)
