"""tanh of a sum comes from powers of its parts."""

import pytest
import torch

from gradwell.nets.attention.powers import LIMITS, powers


@pytest.mark.parametrize("dtype", LIMITS)
def test_up_to_the_limit_powers_and_their_products_give_tanh(dtype):
    x = torch.linspace(-LIMITS[dtype], LIMITS[dtype], 101, dtype=dtype) * 0.999
    p = powers(x)
    assert p.isfinite().all()
    assert (p.reciprocal().isfinite() & (p > 0)).all()
    r = 1 / (1 + p[:, None] * p)
    torch.testing.assert_close(1 - 2 * r, torch.tanh(x[:, None] + x), atol=4 * torch.finfo(dtype).eps, rtol=0)


@pytest.mark.parametrize("x", [41.0, -41.0, float("inf"), float("nan")])
def test_beyond_the_limit_there_are_none(x):
    assert powers(torch.tensor([0.0, x])) is None


def test_half_precision_is_widened():
    assert powers(torch.ones(2, dtype=torch.float16)).dtype == torch.float32
