"""A sample holds numbers of its source, few of them, and the same every time."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gradwell.watch import sample

SHAPES = st.lists(st.integers(1, 9), min_size=1, max_size=4).map(tuple)


def source(shape):
    return torch.arange(torch.Size(shape).numel(), dtype=torch.float32).reshape(shape)


@given(SHAPES, st.booleans())
def test_small_tensors_are_kept_whole(shape, turned):
    x = source(shape)
    x = x.movedim(0, -1) if turned else x
    for kept in (sample.flat(x), sample.examples(x), sample.units(x, -1)):
        assert torch.equal(kept.flatten().sort().values, x.flatten().sort().values)
    assert len(sample.examples(x)) == len(x)
    assert sample.units(x, -1).shape[1] == x.shape[-1]


@given(SHAPES.filter(lambda shape: len(shape) > 1), st.data())
def test_units_lie_along_their_axis(shape, data):
    x = source(shape)
    axis = data.draw(st.integers(0, len(shape) - 1))
    table = sample.units(x, axis)
    for unit in range(shape[axis]):
        assert set(table[:, unit].tolist()) == set(x.select(axis, unit).flatten().tolist())


@pytest.mark.parametrize("shape", [(300_000,), (2, 400_000), (70_000, 5), (64, 32, 28, 28), (1, 1, 1000, 300)])
def test_large_tensors_are_thinned_out(shape):
    x = source(shape)
    for take in (sample.flat, sample.examples, lambda x: sample.units(x, 1 if x.dim() > 2 else -1)):
        kept = take(x)
        assert 1 < kept.numel() <= max(3 * sample.SIZE, 16 * max(x[0].numel(), kept.shape[-1]))  # units are never thinned out
        assert torch.isin(kept.flatten()[:: 1 + kept.numel() // 1000], x.flatten()).all()
        assert torch.equal(kept, take(x))


def test_low_precision_and_history_are_left_behind():
    x = torch.ones(3, 4, dtype=torch.bfloat16, requires_grad=True)
    for kept in (sample.flat(x), sample.examples(x), sample.units(x, -1), sample.norm(x)):
        assert kept.dtype == torch.float32
        assert not kept.requires_grad
    assert sample.norm(torch.full((70_000,), 60_000.0, dtype=torch.float16)) == pytest.approx(60_000 * 70_000**0.5, rel=1e-3)
