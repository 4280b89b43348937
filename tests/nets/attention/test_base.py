"""What holds for every kind of attention."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from gradwell.errors import OptionError
from gradwell.nets.attention import KINDS
from tests.nets.attention.oracle import CHECK, asked, made, slow

pytestmark = pytest.mark.usefixtures("nothing_is_small")
every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
@pytest.mark.parametrize("time", [1, 7, 9])
def test_each_kind_does_what_its_equation_says(kind, time):
    module = made(kind)
    query, keys, values, mask = asked(module, time=time)
    context, weights = module(query, keys, values, mask)
    expected_context, expected_weights = slow(kind, module, query, keys, values, mask)
    torch.testing.assert_close(weights, expected_weights)
    torch.testing.assert_close(context, expected_context)
    assert context.shape == (*query.shape[:2], module.context_size)


@every_kind
def test_without_a_mask_every_place_is_a_word(kind):
    module = made(kind)
    query, keys, values, mask = asked(module)
    torch.testing.assert_close(module(query, keys, values), module(query, keys, values, torch.ones_like(mask)))


@every_kind
def test_one_query_is_the_first_of_many(kind):
    module = made(kind)
    query, keys, values, mask = asked(module)
    context, weights = module(query[:, 0], keys, values, mask)
    torch.testing.assert_close((context, weights), tuple(x[:, 0] for x in module(query, keys, values, mask)))


@every_kind
def test_values_default_to_the_keys(kind):
    module = type(made(kind))(4, 4).double()
    query, keys, _, mask = asked(module)
    torch.testing.assert_close(module(query, keys, mask=mask), module(query, keys, keys, mask))


@every_kind
@CHECK
@given(batch=st.integers(1, 3), time=st.integers(1, 6), padding=st.integers(1, 5), seed=st.integers(0, 99))
def test_padding_changes_nothing_whatever_it_holds(kind, batch, time, padding, seed):
    module = made(kind)
    query, keys, values, mask = asked(module, batch, 3, time, seed)
    context, weights = module(query, keys, values, mask)
    longer = [torch.cat([x, 1000 * torch.randn(batch, padding, x.shape[-1], dtype=x.dtype)], 1) for x in (keys, values)]
    more_context, more_weights = module(query, *longer, torch.cat([mask, torch.zeros(batch, padding, dtype=torch.bool)], 1))
    torch.testing.assert_close(more_context, context)
    torch.testing.assert_close(more_weights[..., :time], weights)
    assert (more_weights[..., time:] == 0.0).all()


@every_kind
@CHECK
@given(order=st.permutations(range(4)), seed=st.integers(0, 99))
def test_sentences_do_not_see_each_other(kind, order, seed):
    module = made(kind)
    query, keys, values, mask = asked(module, 4, seed=seed)
    torch.testing.assert_close(
        module(query[order], keys[order], values[order], mask[order]), tuple(x[order] for x in module(query, keys, values, mask))
    )


@every_kind
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_a_sentence_without_words_gives_zeros_and_no_nan_in_any_gradient(kind, dtype):
    module = made(kind, dtype)
    query, keys, values, mask = asked(module, dtype=dtype)
    for x in (query, keys, values):
        x.requires_grad_()
    with torch.autograd.set_detect_anomaly(True, check_nan=True):
        context, weights = module(query, keys, values, mask)
        (context.float().square().sum() + weights.float().square().sum()).backward()
    assert not context[-1].any()
    assert not weights[-1].any()
    assert context.dtype == weights.dtype == dtype
    leaves = [x for x in (query, keys, values, *module.parameters()) if x.grad is not None]
    assert all(x.grad.isfinite().all() for x in leaves)
    assert keys.grad is None or not keys.grad[-1].any()


@every_kind
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_gives_padding_no_weight_and_stays_near(kind, dtype):
    exact = made(kind)
    query, keys, values, mask = (x.to(dtype) if x.is_floating_point() else x for x in asked(exact))
    expected = exact(query.double(), keys.double(), values.double(), mask)
    context, weights = made(kind, dtype)(query, keys, values, mask)
    assert (weights[~mask.unsqueeze(1).expand_as(weights)] == 0.0).all()
    torch.testing.assert_close((context.double(), weights.double()), expected, atol=0.15 if dtype is torch.bfloat16 else 0.02, rtol=0.05)


@every_kind
def test_autocast_computes_in_half_precision_and_has_gradients(kind):
    module = made(kind, torch.float32)
    query, keys, values, mask = asked(module, dtype=torch.float32)
    query.requires_grad_()
    expected = module(query, keys, values, mask)
    with torch.autocast("cpu", torch.bfloat16):
        context, weights = module(query, keys, values, mask)
    (context.float().sum() + weights.float().square().sum()).backward()
    torch.testing.assert_close((context.float(), weights.float()), expected, atol=0.2, rtol=0.1)
    assert all(x.grad.isfinite().all() for x in (query, *module.parameters()))


def numbers(kind):
    """A function of all that a gradient can be asked of, and its arguments."""
    module = made(kind)
    query, keys, values, mask = asked(module, 2, 2, 3)
    mask[1, 0] = True
    names = [name for name, _ in module.named_parameters()]

    def function(query, keys, values, *parameters):
        given = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(module, given, (query, keys, values, mask))

    return function, [x.detach().requires_grad_() for x in (query, keys, values, *module.parameters())]


@every_kind
def test_gradients_are_those_of_finite_differences(kind):
    assert gradcheck(*numbers(kind), fast_mode=kind == "multi-head")


@every_kind
def test_gradients_of_gradients_are_those_of_finite_differences(kind):
    assert gradgradcheck(*numbers(kind), fast_mode=True)


@every_kind
def test_a_memory_is_reordered_with_the_beam(kind):
    module = made(kind)
    query, keys, values, mask = asked(module)
    rows = torch.tensor([1, 1, 0, 2, 0])
    torch.testing.assert_close(
        module.attend(query[rows], module.remember(keys, values, mask).select(rows)),
        tuple(x[rows] for x in module(query, keys, values, mask)),
    )


@every_kind
def test_nothing_to_ask_and_nothing_to_look_at_is_no_error(kind):
    module = made(kind)
    query, keys, values, mask = asked(module)
    context, weights = module(query[:, :0], keys, values, mask)
    assert (*context.shape, *weights.shape) == (3, 0, module.context_size, 3, 0, 7)
    context, weights = module(query, keys[:, :0], values[:, :0], mask[:, :0])
    assert not context.any()
    assert weights.shape == (3, 4, 0)


def test_wrong_shapes_are_named():
    module = made("general")
    query, keys, values, mask = asked(module)
    with pytest.raises(OptionError, match=r"keys must be \(batch, time, 3\), not \(3, 7, 5\)"):
        module(query, values)
    with pytest.raises(OptionError, match=r"values must be \(3, 7, 5\), not \(3, 7, 3\)"):
        module(query, keys)
    with pytest.raises(OptionError, match=r"bool, True where there is a word, not torch.int64"):
        module(query, keys, values, mask.long())
    with pytest.raises(OptionError, match=r"the mask must be \(3, 7\), not \(3, 6\)"):
        module(query, keys, values, mask[:, 1:])
    with pytest.raises(OptionError, match=r"the query must be \(3, 4\) or \(3, queries, 4\), not \(2, 4, 4\)"):
        module(query[:2], keys, values, mask)
    with pytest.raises(OptionError, match=r"the coverage must be \(3, 7\), not \(3, 4, 7\)"):
        module.attend(query, module.remember(keys, values, mask), torch.zeros(3, 4, 7))
