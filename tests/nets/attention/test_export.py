"""A step of a decoder can be exported, and then runs at other sizes."""

import warnings

import pytest
import torch
from torch import nn
from torch.export import Dim

from gradwell.nets.attention import KINDS, Memory
from tests.nets.attention.oracle import asked, made


class Step(nn.Module):
    """One look at a memory that was made ready."""

    def __init__(self, attention):
        super().__init__()
        self.attention = attention

    def forward(self, query, keys, values, mask, coverage):
        return self.attention.attend(query, Memory(keys, values, mask), coverage)


def example(module, batch, time):
    query, keys, values, mask = asked(module, batch, 1, time, dtype=torch.float32)
    memory = module.remember(keys, values, mask)
    return query[:, 0], memory.keys.detach(), memory.values.detach(), mask, torch.rand(batch, time)


def sizes():
    batch, time = Dim("batch", min=2, max=64), Dim("time", min=2, max=64)
    return ({0: batch}, *({0: batch, 1: time} for _ in range(4)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_is_exported_and_runs_at_another_size(kind):
    module = made(kind, torch.float32).eval()
    exported = torch.export.export(Step(module), example(module, 3, 7), dynamic_shapes=sizes()).module()
    inputs = example(module, 2, 9)
    torch.testing.assert_close(exported(*inputs), Step(module)(*inputs))


def test_a_step_goes_to_onnx(tmp_path):
    pytest.importorskip("onnxscript", reason="onnxscript is not installed; torch.onnx.export needs it")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed; it runs what was exported")
    module = made("additive", torch.float32).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(Step(module), example(module, 3, 7), dynamo=True, dynamic_shapes=sizes(), verbose=False)
    program.save(tmp_path / "step.onnx")
    session = runtime.InferenceSession(tmp_path / "step.onnx")
    inputs = example(module, 2, 9)
    fed = {i.name: x.numpy() for i, x in zip(session.get_inputs(), inputs, strict=False)}
    expected = [x.detach() for x in Step(module)(*inputs)]
    torch.testing.assert_close([torch.tensor(x) for x in session.run(None, fed)], expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_dict_brings_back_every_weight(kind):
    first, second = made(kind), made(kind)
    nn.init.zeros_(next(second.parameters(), torch.zeros(1)))
    second.load_state_dict(first.state_dict())
    inputs = asked(first)
    assert all(torch.equal(a, b) for a, b in zip(first(*inputs), second(*inputs), strict=True))
