"""The statistics of normalisation layers, against sums by hand, the layers' own outputs, and what training makes of the running ones."""

import copy

import pytest
import torch
from torch import nn

from gradwell.errors import OptionError
from gradwell.nets.normalization import statistics

IMAGES, ROWS, VOLUMES = (5, 6, 4, 3), (7, 6), (3, 6, 2, 3, 2)
LAYERS = {
    "batch 1d": (nn.BatchNorm1d(6), ROWS),
    "batch 1d of sequences": (nn.BatchNorm1d(6), (4, 6, 9)),
    "batch 2d": (nn.BatchNorm2d(6, eps=0.1), IMAGES),
    "batch 3d": (nn.BatchNorm3d(6, momentum=None), VOLUMES),
    "batch without scale": (nn.BatchNorm2d(6, affine=False, momentum=0.7), IMAGES),
    "batch that keeps nothing": (nn.BatchNorm2d(6, track_running_stats=False), IMAGES),
    "layer": (nn.LayerNorm(6), (2, 5, 6)),
    "layer over three axes": (nn.LayerNorm((6, 4, 3)), IMAGES),
    "layer without shift": (nn.LayerNorm(6, bias=False), ROWS),
    "group": (nn.GroupNorm(3, 6), IMAGES),
    "group of rows": (nn.GroupNorm(2, 6, affine=False), ROWS),
    "instance": (nn.InstanceNorm2d(6, affine=True), IMAGES),
    "instance that keeps": (nn.InstanceNorm1d(6, track_running_stats=True), (4, 6, 9)),
    "instance of one example": (nn.InstanceNorm1d(6, affine=True), (6, 9)),
    "rms": (nn.RMSNorm(6), (2, 5, 6)),
    "rms over two axes": (nn.RMSNorm((4, 3), eps=0.01), IMAGES),
}
EACH = pytest.mark.parametrize("kind", LAYERS)
MODES = pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])


def example(kind, training=True, dtype=torch.float64):
    """A layer that has learned something and has seen batches, and an input."""
    torch.manual_seed(0)
    layer, shape = copy.deepcopy(LAYERS[kind][0]).to(dtype), LAYERS[kind][1]
    for p in layer.parameters():
        nn.init.normal_(p, 1.0, 0.5)
    for _ in range(3):
        layer(2 * torch.randn(shape, dtype=dtype) + 1)
    return layer.train(training), 3 * torch.randn(shape, dtype=dtype) - 2


@MODES
@EACH
def test_scale_times_input_plus_shift_is_the_layers_output(kind, training):
    layer, x = example(kind, training)
    one = statistics(layer, x).layers[0]
    torch.testing.assert_close(one.scale * x + one.shift, layer(x), rtol=0, atol=1e-6)


@EACH
def test_mean_and_variance_are_those_of_what_is_normalised_together(kind):
    layer, x = example(kind)
    one = statistics(layer, x).layers[0]
    if kind.startswith("batch"):
        parts = [x[:, c] for c in range(6)]
    elif kind.startswith("layer"):
        parts = x.flatten(-len(layer.normalized_shape)).flatten(0, -2)
    elif kind.startswith("group"):
        parts = [part for row in x for part in row.chunk(layer.num_groups)]
    elif kind.startswith("instance"):
        parts = list(x.flatten(0, -2) if x.dim() == 3 else x.flatten(2).flatten(0, 1) if x.dim() == 4 else x)
    else:
        rows = x.flatten(-len(layer.normalized_shape)).flatten(0, -2)
        assert not one.mean.any()
        torch.testing.assert_close(one.var.flatten(), torch.stack([row.square().mean() for row in rows]))
        return
    torch.testing.assert_close(one.mean.flatten(), torch.stack([part.mean() for part in parts]))
    torch.testing.assert_close(one.var.flatten(), torch.stack([((part - part.mean()) ** 2).mean() for part in parts]))


@EACH
def test_the_next_running_statistics_are_those_that_training_leaves(kind):
    layer, x = example(kind)
    one = statistics(layer, x).layers[0]
    if getattr(layer, "running_mean", None) is None:
        assert one.running_mean is one.next_mean is one.next_var is one.gap is None
        return
    torch.testing.assert_close(one.running_mean, layer.running_mean)
    layer(x)
    torch.testing.assert_close(one.next_mean, layer.running_mean)
    torch.testing.assert_close(one.next_var, layer.running_var)


@MODES
def test_what_was_used_is_what_the_mode_uses(training):
    used = {kind: statistics(*example(kind, training)).layers[0].used for kind in LAYERS}
    keeping = {"batch 1d", "batch 1d of sequences", "batch 2d", "batch 3d", "batch without scale", "instance that keeps"}
    assert {kind for kind, what in used.items() if what == "running"} == (set() if training else keeping)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.bn, self.drop = nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.Dropout(0.5)
        self.norm, self.spare = nn.LayerNorm(6), nn.GroupNorm(2, 6)

    def forward(self, x, scale=1.0):
        y = self.bn(self.drop(self.conv(x * scale)))
        y = self.norm(y.mean((2, 3)))
        return self.norm(y.relu())


def test_nothing_of_the_model_changes():
    model, x = Network(), torch.randn(5, 3, 8, 8)
    model.drop.eval()
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    statistics(model, x)
    torch.testing.assert_close(dict(model.state_dict()), dict(before), rtol=0, atol=0)
    assert torch.get_rng_state().equal(state)
    assert model.training
    assert not model.drop.training
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_every_call_is_there_in_order_and_what_was_not_reached_is_named():
    seen = statistics(Network(), {"x": torch.randn(5, 3, 8, 8), "scale": 2.0})
    assert [one.name for one in seen.layers] == ["bn", "norm", "norm"]
    assert seen["norm"] is seen.layers[1]
    assert seen.unreached == ("spare",)
    assert str(seen).splitlines()[-1] == "not reached: spare"


def test_gap_and_ratio_say_how_far_the_running_statistics_are():
    layer = nn.BatchNorm1d(3, eps=1e-12)
    layer.running_mean.copy_(torch.tensor([0.0, 1.0, -4.0]))
    layer.running_var.copy_(torch.tensor([1.0, 4.0, 16.0]))
    x = torch.tensor([[-1.0, 4.0, -5.0], [1.0, 6.0, -3.0]])  # means 0, 5, -4; standard deviations 1
    one = statistics(layer, x).layers[0]
    torch.testing.assert_close(one.gap, torch.tensor([0.0, 2.0, 0.0]))
    torch.testing.assert_close(one.ratio, torch.tensor([1.0, 0.5, 0.25]))
    assert one.flags["stale"].tolist() == [False, True, True]


def test_constant_and_silent_channels_are_flagged():
    layer = nn.BatchNorm2d(3)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1.0, -0.001, 0.5]))
    x = torch.randn(4, 3, 5, 5)
    x[:, 2] = 7.0
    one = statistics(layer, x).layers[0]
    assert one.flags["constant"].tolist() == [False, False, True]
    assert one.flags["silent"].tolist() == [False, True, False]
    assert "1 of 3 constant, 1 of 3 silent" in str(statistics(layer, x))


def test_half_precision_is_measured_in_single():
    layer, x = example("layer", dtype=torch.bfloat16)
    one = statistics(layer, x).layers[0]
    assert one.mean.dtype is torch.float32
    torch.testing.assert_close(one.mean, x.float().mean(-1))


def test_a_model_without_normalisation_is_refused():
    with pytest.raises(OptionError, match="Linear has no normalisation layer; statistics reads batch, instance, layer"):
        statistics(nn.Linear(2, 2), torch.randn(3, 2))
