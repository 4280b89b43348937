"""After one batch a model is as it was."""

from typing import Any

import pytest
import torch
from torch import nn

from gradwell.nets.onebatch import as_before, call


def model():
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5), nn.ReLU())


def test_buffers_flags_and_random_states_come_back():
    m, x = model(), torch.randn(8, 4)
    m[2].eval()
    before = {name: value.clone() for name, value in m.state_dict().items()}
    counter, state = m[1].num_batches_tracked, torch.get_rng_state()
    with as_before(m):
        m.eval()
        m.train()
        call(m, x)
        m[1].num_batches_tracked = torch.tensor(99)
        assert not m[1].running_mean.equal(before["1.running_mean"])
    assert all(value.equal(before[name]) for name, value in m.state_dict().items())
    assert m[1].num_batches_tracked is counter
    assert [part.training for part in m] == [True, True, False, True]
    assert torch.get_rng_state().equal(state)


def test_they_come_back_after_an_error_too():
    m = model().eval()
    with pytest.raises(RuntimeError, match="shapes"), as_before(m):
        call(m.train(), torch.randn(8, 5))
    assert not m.training


def test_inputs_may_be_a_tensor_arguments_or_named_arguments_and_are_left_alone():
    class Two(nn.Module):
        def forward(self, a, b):
            return a.relu_() - b

    x = torch.tensor([-1.0, 2.0])
    torch.testing.assert_close(call(Two(), (x, x)), call(Two(), {"b": x, "a": x}))
    assert call(nn.ReLU(inplace=True), x).tolist() == [0, 2]
    assert x.tolist() == [-1, 2]


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "part"])
def test_a_compiled_model_is_run_as_it_was_written(whole):
    class Asks(nn.Module):
        def forward(self, x):
            return x if torch.compiler.is_compiling() else x + 1

    compiled = torch.compile(Asks(), backend="eager")
    model: Any = compiled if whole else nn.ModuleDict({"part": compiled})
    assert compiled(torch.zeros(2)).tolist() == [0, 0]
    if not whole:
        model.forward = lambda x: model["part"](x)
    assert call(model, torch.zeros(2)).tolist() == [1, 1]
