"""Multi-head attention is PyTorch's, with the weights of every head at hand."""

import pytest
import torch
from torch import nn

from gradwell.nets.attention import MultiHeadAttention
from tests.nets.attention.oracle import asked


def pair(bias=True):
    """Ours and PyTorch's, with the same weights."""
    torch.manual_seed(0)
    ours = MultiHeadAttention(8, 6, 5, heads=2, bias=bias)
    theirs = nn.MultiheadAttention(8, 2, bias=bias, kdim=6, vdim=5, batch_first=True)
    for name, p in (("q", ours.wq), ("k", ours.wk), ("v", ours.wv)):
        getattr(theirs, f"{name}_proj_weight").data.copy_(p.weight)
    theirs.out_proj.load_state_dict(ours.wo.state_dict())
    if bias:
        theirs.in_proj_bias.data.copy_(torch.cat([ours.wq.bias, ours.wk.bias, ours.wv.bias]))
    return ours, theirs


@pytest.mark.parametrize("bias", [True, False])
def test_it_is_what_pytorch_computes(bias):
    ours, theirs = pair(bias)
    query, keys, values, mask = asked(ours, dtype=torch.float32)
    mask[-1, 0] = True  # theirs is not a number where there is no word
    grads = []
    for module, options in ((ours, {"mask": mask}), (theirs, {"key_padding_mask": ~mask})):
        q = query.clone().requires_grad_()
        context, weights = module(q, keys, values, **options)
        grads.append((context, weights, *torch.autograd.grad(context.square().sum() + weights.square().sum(), q)))
    torch.testing.assert_close(*grads, atol=1e-6, rtol=1e-5)


def test_the_weights_of_every_head_are_theirs_and_their_mean_is_given():
    ours, theirs = pair()
    query, keys, values, mask = asked(ours, dtype=torch.float32)
    mask[-1, 0] = True
    memory = ours.remember(keys, values, mask)
    context, by_head = ours.attend_by_head(query, memory)
    _, expected = theirs(query, keys, values, key_padding_mask=~mask, average_attn_weights=False)
    torch.testing.assert_close(by_head, expected, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(ours.attend(query, memory), (context, by_head.mean(1)))
    one_context, one_by_head = ours.attend_by_head(query[:, 0], memory)
    torch.testing.assert_close((one_context, one_by_head), (context[:, 0], by_head[:, :, 0]))
