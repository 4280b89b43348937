"""What stands beside a sequence in its batch never changes what is read from it."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import pack_padded_sequence

from gradwell.nets.recurrent import temporal_gradients, trace
from tests.nets.recurrent.oracle import KINDS, draw, mine, padded, theirs

LENGTHS = st.lists(st.integers(1, 6), min_size=1, max_size=4)
LAYERS = {kind: [theirs(kind, 3, 4, 2, bidirectional=True), mine(kind, 3, 4, 2, bidirectional=True, layer_norm=True)] for kind in KINDS}
SETTINGS = settings(max_examples=15, deadline=None, derandomize=True, database=None)


def alone(x, lengths):
    """Each sequence by itself."""
    return [x[:n, b : b + 1] for b, n in enumerate(lengths)]


@SETTINGS
@given(LENGTHS, st.sampled_from(KINDS), st.integers(0, 1), st.integers(0, 3))
def test_neither_padding_nor_neighbours_change_a_sequence(lengths, kind, which, more):
    layer, x = LAYERS[kind][which], draw(max(lengths) + more, len(lengths), 3, seed=len(lengths))
    together = trace(layer, x, lengths=lengths)
    for b, one in enumerate(alone(x, lengths)):
        by_itself = trace(layer, one)
        torch.testing.assert_close(together.output[: len(one), b], by_itself.output[:, 0])
        for k in range(2):
            for d in range(2):
                for name in ("h", *together[k, d].names):
                    torch.testing.assert_close(getattr(together[k, d], name)[: len(one), b], getattr(by_itself[k, d], name)[:, 0])
        last = together.state[0] if isinstance(together.state, tuple) else together.state
        end = by_itself.state[0] if isinstance(by_itself.state, tuple) else by_itself.state
        torch.testing.assert_close(last[:, b], end[:, 0])


@SETTINGS
@given(LENGTHS, st.sampled_from(KINDS), st.integers(0, 1), st.randoms(use_true_random=False))
def test_the_order_of_a_batch_changes_nothing(lengths, kind, which, random):
    layer, x = LAYERS[kind][which], draw(max(lengths), len(lengths), 3)
    order = list(range(len(lengths)))
    random.shuffle(order)
    first, second = trace(layer, x, lengths=lengths), trace(layer, x[:, order], lengths=[lengths[b] for b in order])
    torch.testing.assert_close(first.output[:, order], second.output)
    torch.testing.assert_close(first[1, 1].h[:, order], second[1, 1].h)


@SETTINGS
@given(LENGTHS, st.sampled_from(KINDS), st.integers(0, 1))
def test_packing_changes_nothing(lengths, kind, which):
    layer, x = LAYERS[kind][which], draw(max(lengths), len(lengths), 3)
    packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
    first, second = trace(layer, x, lengths=lengths), trace(layer, packed)
    torch.testing.assert_close(first.output, padded(second.output))
    torch.testing.assert_close(first[1, 1].h, second[1, 1].h)


@SETTINGS
@given(LENGTHS, st.sampled_from(KINDS), st.integers(0, 1), st.integers(0, 3))
def test_gradients_of_a_batch_are_the_sum_of_those_of_its_sequences(lengths, kind, which, more):
    layer, steps = LAYERS[kind][which].eval(), max(lengths) + more
    x, gradient = draw(steps, len(lengths), 3), draw(steps, len(lengths), 8, seed=7)
    together = temporal_gradients(layer, x, gradient, lengths=lengths)
    total = torch.zeros_like(together[0, 1].by_lag["weight_hh"])
    for b, (one, d) in enumerate(zip(alone(x, lengths), alone(gradient, lengths), strict=True)):
        by_itself = temporal_gradients(layer, one, d)
        torch.testing.assert_close(together.inputs[: len(one), b], by_itself.inputs[:, 0])
        part = by_itself[0, 1].by_lag["weight_hh"]
        total[: len(part)] += part
    torch.testing.assert_close(together[0, 1].by_lag["weight_hh"], total)
