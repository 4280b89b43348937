"""Location attention looks at places, whatever stands there."""

import torch

from tests.nets.attention.oracle import asked, made


def test_the_weights_do_not_depend_on_the_words():
    module = made("location")
    query, keys, values, mask = asked(module)
    torch.testing.assert_close(module(query, keys, values, mask)[1], module(query, -keys, values, mask)[1])


def test_words_beyond_the_longest_sentence_are_ignored():
    module = made("location")
    query, keys, values, _ = asked(module, time=9)
    context, weights = module(query, keys, values)
    assert (weights[..., module.longest :] == 0.0).all()
    torch.testing.assert_close(context, module(query, keys[:, : module.longest], values[:, : module.longest])[0])
