"""Weights are shared among words only."""

import pytest
import torch

from gradwell.nets.attention import masked_softmax


def test_words_share_one_and_padding_gets_exactly_nothing():
    weights = masked_softmax(torch.tensor([[1.0, 2.0, 500.0]]), torch.tensor([[True, True, False]]))
    torch.testing.assert_close(weights[0, :2], torch.tensor([1.0, 2.0]).softmax(0))
    assert weights[0, 2] == 0.0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_a_word_keeps_its_weight_however_low_its_score(dtype):
    score = torch.tensor([[torch.finfo(dtype).min, 3.0]], dtype=dtype)
    assert masked_softmax(score, torch.tensor([[True, False]])).tolist() == [[1.0, 0.0]]


def test_where_there_is_no_word_weights_and_gradients_are_zero():
    score = torch.randn(2, 3, requires_grad=True)
    weights = masked_softmax(score, torch.tensor([[True, True, False], [False, False, False]]))
    weights.square().sum().backward()
    assert weights[1].tolist() == [0, 0, 0]
    assert score.grad[1].tolist() == [0, 0, 0]
    assert score.grad.isfinite().all()
