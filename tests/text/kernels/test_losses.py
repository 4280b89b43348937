"""One step of each loss against autograd."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from gradwell.text.kernels import examples, learning, losses
from gradwell.text.kernels.numeric import exp
from gradwell.text.layout import aligned

ROWS, OUTPUTS, DIM, RATE = 6, 5, 16, 0.5
EMPTY = np.empty(0, np.float32)


@pytest.fixture
def matrices():
    rng = np.random.default_rng(0)
    matrix, output = aligned(ROWS, DIM), aligned(OUTPUTS, DIM)
    matrix[:], output[:] = rng.normal(size=matrix.shape), rng.normal(size=output.shape)
    return matrix, output


def batch(rows, decisions, answers, strengths=None):
    """One example."""
    strengths = np.ones(len(decisions)) if strengths is None else strengths
    return examples.Examples(
        np.array(rows, np.int32), np.array([0, len(rows)]), np.array(decisions, np.int32), np.array(answers, np.int32),
        np.array(strengths, np.float32), np.array([0, len(decisions)]), np.ones(1, np.float32),
    )


def step(example, kind, every_label, normalize, matrices, class_weight=EMPTY):
    """The loss of one example, and both matrices after the step."""
    matrix, output = matrices[0].copy(), matrices[1].copy()
    room = aligned(2, DIM), np.empty(OUTPUTS, np.float32)
    loss = learning.learn(example, 1, kind, every_label, normalize, RATE, 0.0, matrix, output, *room, class_weight)
    return loss, matrix, output


def expected(example, matrices, normalize, loss_of):
    """The same by autograd: rows move by -rate dloss/dx; word vectors take n times as much."""
    matrix, output = (torch.tensor(m, dtype=torch.float64, requires_grad=True) for m in matrices)
    hidden = matrix[example.rows.tolist()].mean(0)
    loss = loss_of(output @ hidden)
    loss.backward()
    times = 1 if normalize else len(example.rows)
    return loss.item(), (matrix - RATE * times * matrix.grad).detach().numpy(), (output - RATE * output.grad).detach().numpy()


def agree(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("rows", [[0], [1, 2, 3], [4, 4, 0, 5]])
def test_softmax_steps_as_autograd_says(rows, matrices):
    example = batch(rows, [3], [1])
    theirs = expected(example, matrices, True, lambda s: F.cross_entropy(s[None], torch.tensor([3])))
    agree(step(example, examples.DENSE, False, True, matrices), theirs)


def test_one_vs_all_steps_as_autograd_says(matrices):
    matrices[1][:] *= 0.1  # the text's vector then moves by less than the bound
    example = batch([0, 2, 2], [1, 4], [1, 1])
    truth = torch.tensor([0.0, 1, 0, 0, 1], dtype=torch.float64)
    agree(
        step(example, examples.DENSE, True, True, matrices),
        expected(example, matrices, True, lambda s: F.binary_cross_entropy_with_logits(s, truth, reduction="sum")),
    )


def test_one_vs_all_moves_a_text_by_at_most_one(matrices):
    matrices[1][:] *= 10
    example = batch([0], [1], [1])
    _, matrix, _ = step(example, examples.DENSE, True, True, matrices)
    assert np.linalg.norm(matrix[0] - matrices[0][0]) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("normalize", [True, False])
def test_a_list_of_decisions_steps_as_autograd_says(normalize, matrices):
    matrices[1][:] *= 0.3
    decisions, answers, strengths = [2, 0, 4], [1, 0, 0], [1.0, 3.0, 0.5]
    example = batch([1, 3], decisions, answers, strengths)
    truth, weight = torch.tensor(answers, dtype=torch.float64), torch.tensor(strengths, dtype=torch.float64)
    agree(
        step(example, examples.NEGATIVE, False, normalize, matrices),
        expected(example, matrices, normalize, lambda s: F.binary_cross_entropy_with_logits(s[decisions], truth, weight, reduction="sum")),
    )


def test_a_class_weight_scales_the_step_of_its_label(matrices):
    matrices[1][:] *= 0.1
    example, weight = batch([0], [1], [1]), np.array([1, 3, 1, 1, 1], np.float32)
    plain, heavy = (step(example, examples.DENSE, True, True, matrices, w)[2] - matrices[1] for w in (EMPTY, weight))
    np.testing.assert_allclose(heavy[1], 3 * plain[1], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(heavy[2], plain[2], rtol=1e-3, atol=1e-5)


def test_the_fast_exponential_is_right_to_six_digits():
    x = np.linspace(-87, 88, 20_001).astype(np.float32)
    ours = np.array([exp(value) for value in x])
    np.testing.assert_allclose(ours, np.exp(x.astype(np.float64)), rtol=2e-6 * 40)
    near = np.abs(x) < 10
    np.testing.assert_allclose(ours[near], np.exp(x[near].astype(np.float64)), rtol=3e-6)


def test_a_decision_beyond_eight_is_settled():
    assert [float(losses.decision(np.float32(x))) for x in (-8.1, 0, 8.1)] == [0, 0.5, 1]
