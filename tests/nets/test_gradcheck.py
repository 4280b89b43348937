"""Right gradients pass, wrong ones are found where they are."""

import pytest
import torch
from torch import nn

import gradwell
from gradwell.errors import OptionError


class Wrong(torch.autograd.Function):
    """x^2, whose gradient is wrong at one entry."""

    @staticmethod
    def forward(context, x):
        context.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(context, gradient):
        (x,) = context.saved_tensors
        slope = 2 * x
        slope[1, 2] *= 1.5
        return gradient * slope


def test_right_gradients_are_right():
    told = gradwell.check_gradients(lambda x, y: (x @ y).tanh(), torch.randn(3, 4), torch.randn(4, 2))
    assert told
    assert [one.name for one in told.inputs] == ["input 0", "input 1"]
    assert float(told.worst.error.max()) < 1e-7
    torch.testing.assert_close(told.inputs[0].autograd, told.inputs[0].difference, rtol=1e-6, atol=1e-8)


def test_a_wrong_entry_is_found_named_and_drawn():
    told = gradwell.check_gradients(Wrong.apply, torch.rand(3, 5) + 1)
    assert not told
    assert told.worst.worst == (1, 2)
    assert float(told.worst.error.max()) == pytest.approx(1 / 3, rel=1e-4)
    text = str(told)
    assert text.startswith("A gradient is wrong: the largest relative error is 0.33 (1e-05 is allowed), at input 0[1, 2].")
    rows = text[text.index("in steps of 100"):].splitlines()[1:]
    assert [row.strip() for row in rows] == ["|     |", "|  ▓  |", "|     |"]


def test_the_parameters_of_a_module_are_checked_and_nothing_changes():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Dropout(0.5), nn.Tanh(), nn.Linear(5, 2))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    told = gradwell.check_gradients(model, torch.randn(6, 4, generator=torch.Generator().manual_seed(1)))
    assert told, str(told)
    assert {one.name for one in told.inputs} == {"input 0", *(name for name, _ in model.named_parameters())}
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(state, torch.get_rng_state())


def test_whole_numbers_are_passed_on():
    told = gradwell.check_gradients(nn.functional.cross_entropy, torch.randn(4, 3), torch.tensor([0, 2, 1, 1]))
    assert told
    assert len(told.inputs) == 1


def test_an_input_without_influence_has_a_gradient_of_zero():
    assert gradwell.check_gradients(lambda x, y: x.square() + 0 * y.detach().sum(), torch.randn(3), torch.randn(2))


def test_a_gradient_that_is_nan_is_wrong():
    assert not gradwell.check_gradients(lambda x: x.abs().sqrt().sum(), torch.tensor([0.0, 1.0]))


@pytest.mark.parametrize(("function", "says"), [
    (lambda x: x.argmax(), "floating-point numbers"),
    (lambda x: x.detach().exp(), "no output depends on input 0"),
])
def test_what_has_no_gradient_is_named(function, says):
    with pytest.raises(OptionError, match=says):
        gradwell.check_gradients(function, torch.randn(3))
