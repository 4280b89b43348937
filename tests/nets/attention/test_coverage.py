"""Coverage is what was looked at so far."""

import torch

from tests.nets.attention.oracle import asked, made


def test_coverage_is_the_running_sum_of_the_weights():
    module = made("coverage")
    query, keys, values, mask = asked(module)
    context, weights = module(query, keys, values, mask)
    memory = module.remember(keys, values, mask)
    for i in range(query.shape[1]):
        step = module.attend(query[:, i], memory, weights[:, :i].sum(1))
        torch.testing.assert_close(step, (context[:, i], weights[:, i]))


def test_several_queries_begin_with_the_coverage_given():
    module = made("coverage")
    query, keys, values, mask = asked(module)
    memory = module.remember(keys, values, mask)
    _, weights = module.attend(query, memory)
    _, later = module.attend(query[:, 2:], memory, weights[:, :2].sum(1))
    torch.testing.assert_close(later, weights[:, 2:])


def test_coverage_follows_its_row_when_the_beam_is_reordered():
    module = made("coverage")
    query, keys, values, mask = asked(module)
    memory, rows = module.remember(keys, values, mask), torch.tensor([2, 0, 0])
    _, weights = module.attend(query[:, 0], memory)
    _, expected = module.attend(query[:, 1], memory, weights)
    _, moved = module.attend(query[rows, 1], memory.select(rows), weights[rows])
    torch.testing.assert_close(moved, expected[rows])


def test_what_was_looked_at_matters():
    module = made("coverage")
    query, keys, values, _ = asked(module)
    memory = module.remember(keys, values)
    covered = torch.zeros(3, 7, dtype=query.dtype)
    covered[:, 0] = 5.0
    assert not torch.allclose(module.attend(query[:, 0], memory)[1], module.attend(query[:, 0], memory, covered)[1])
