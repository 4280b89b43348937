"""Local attention looks near the place that it predicts."""

import torch

from tests.nets.attention.oracle import asked, made


def test_words_beyond_the_window_have_no_weight():
    module = made("local-p")
    query, keys, values, mask = asked(module, time=30)
    memory = module.remember(keys, values, mask)
    _, weights = module.attend(query, memory)
    far = (torch.arange(30) - module.centre(query, memory)).abs() > module.window
    assert far.any()
    assert (weights[far] == 0.0).all()
    assert (weights.sum(-1)[:-1] > 0).all()
    assert (weights.sum(-1) < 1).all()


def test_places_are_counted_in_words_wherever_the_padding_stands():
    module = made("local-p")
    query, keys, values, _ = asked(module)
    behind, before = (torch.zeros(3, 7, dtype=torch.bool) for _ in range(2))
    behind[:, :4] = before[:, 3:] = True
    context, weights = module(query, keys, values, behind)
    moved_context, moved_weights = module(query, keys.roll(3, 1), values.roll(3, 1), before)
    torch.testing.assert_close((moved_context, moved_weights), (context, weights.roll(3, -1)))


def test_the_gradient_moves_the_centre():
    module = made("local-p")
    query, keys, values, _ = asked(module)
    module(query, keys, values)[1].sum().backward()
    assert module.v.weight.grad.any()
    assert module.p.weight.grad.any()
