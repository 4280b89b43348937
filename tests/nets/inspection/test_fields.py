"""Receptive fields against NaNs: what is not a number in the input is not a number wherever it is read."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import gradwell
from tests.nets.inspection.models import Fire, MobileNet, ResNet, transformer


class Apply(nn.Module):
    def __init__(self, function, *layers):
        super().__init__()
        self.function, self.layers = function, nn.ModuleList(layers)

    def forward(self, x):
        return self.function(x, *self.layers)


def spread(model, shape):
    """The widest extent, in each dimension of the input, of what a unit of each module's output depends on."""
    model = model.double().eval()
    clean = torch.rand(1, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    seen, widest = {}, {}
    for path, module in model.named_modules():
        module.register_forward_hook(lambda m, a, out, path=path: seen.__setitem__(path, out[0] if isinstance(out, tuple) else out))
    with torch.no_grad():
        for d in range(len(shape)):
            rows = {}
            for position in range(shape[d]):
                x = clean.clone()
                x.select(d + 1, position).fill_(float("nan"))
                model(x)
                for path, out in seen.items():
                    rows.setdefault(path, []).append(out.isnan().reshape(-1))
            for path, reads in rows.items():
                reads = torch.stack(reads, 1)  # (units, positions)
                positions = torch.arange(shape[d]).expand_as(reads)
                extent = positions.masked_fill(~reads, -1).amax(1) - positions.masked_fill(~reads, shape[d]).amin(1) + 1
                widest.setdefault(path, []).append(max(0, int(extent.max())))
    return {path: tuple(extents) for path, extents in widest.items()}


def circular(x, conv):
    return conv(F.pad(x, (2, 2), mode="circular"))


def causal(x, q, k, v):
    return F.scaled_dot_product_attention(q(x), k(x), v(x), is_causal=False)


def patches(x, linear):
    n, c, h, w = x.shape
    x = x.reshape(n, c, h // 4, 4, w // 4, 4).permute(0, 2, 4, 1, 3, 5).reshape(n, -1, c * 16)
    return linear(x)


def buffer(x, conv):
    out = torch.zeros_like(x)
    out[..., 1:] = conv(x)
    return out


def branches(x, a, b):
    x = torch.cat([a(x), b(x)], 1)
    first, second = x.chunk(2, 1)
    return first.flip(-1) * 0.5 + second.roll(1, -1)


def overwritten(x, conv):
    flat = x.flatten(1)
    y = conv(x)
    x.view(1, -1)[:, :3] = y.flatten(1)[:, :3]
    return flat


EXACT = {
    "stride": (nn.Sequential(nn.Conv2d(2, 3, 3, 2), nn.ReLU(), nn.Conv2d(3, 2, (3, 1), (2, 1), (1, 0))), (2, 15, 11)),
    "dilation": (nn.Sequential(nn.Conv1d(1, 2, 3, dilation=2), nn.Conv1d(2, 2, 3, dilation=4, padding="same")), (1, 24)),
    "pooling": (nn.Sequential(nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(2, 2, ceil_mode=True), nn.LPPool2d(2, 2)), (1, 19, 19)),
    "pooling of lines": (nn.Sequential(nn.MaxPool1d(3, 2), nn.AvgPool1d(2), nn.AdaptiveMaxPool1d(2)), (2, 23)),
    "volumes": (nn.Sequential(nn.Conv3d(1, 2, 2), nn.MaxPool3d(2), nn.AvgPool3d(2, 1)), (1, 6, 7, 8)),
    "adaptive": (nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d((3, 2))), (1, 11, 12)),
    "transposed": (nn.Sequential(nn.Conv2d(1, 2, 3, 2), nn.ConvTranspose2d(2, 1, 4, 3, 1), nn.Conv2d(1, 1, 3)), (1, 13, 13)),
    "upsampling": (nn.Sequential(nn.AvgPool2d(2), nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(1, 1, 3)), (1, 12, 12)),
    "nearest": (nn.Sequential(nn.MaxPool2d(2), nn.Upsample(scale_factor=2), nn.Conv2d(1, 1, 3)), (1, 12, 12)),
    "groups": (nn.Sequential(nn.Conv2d(4, 4, 3, groups=2), nn.Conv2d(4, 8, 3, groups=4), nn.ChannelShuffle(2)), (4, 9, 9)),
    "norms": (nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.GroupNorm(2, 4), nn.Conv2d(4, 4, 1, groups=4)), (2, 7, 7)),
    "instance norm": (nn.Sequential(nn.Conv1d(2, 2, 3, groups=2), nn.InstanceNorm1d(2)), (2, 9)),
    "shuffled pixels": (nn.Sequential(nn.Conv2d(1, 4, 3), nn.PixelShuffle(2), nn.Conv2d(1, 1, 3), nn.PixelUnshuffle(2)), (1, 10, 10)),
    "reflection": (nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect"), nn.ReplicationPad2d(1), nn.Conv2d(2, 1, 3)), (1, 9, 9)),
    "lstm": (nn.LSTM(3, 4, batch_first=True), (6, 3)),
    "gru": (nn.GRU(3, 4, batch_first=True), (6, 3)),
    "both ways": (nn.RNN(3, 4, batch_first=True, bidirectional=True), (6, 3)),
    "layer norm": (nn.Sequential(nn.Linear(5, 4), nn.LayerNorm(4), nn.Softmax(-1)), (6, 5)),
    "attention": (Apply(causal, nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)), (5, 4)),
    "transformer": (transformer(), (5, 16)),
    "patches": (Apply(patches, nn.Linear(32, 4)), (2, 8, 12)),
    "branches": (Apply(branches, nn.Conv1d(2, 2, 3, padding=1), nn.Conv1d(2, 2, 5, padding=2)), (2, 13)),
    "residual": (ResNet(), (3, 16, 16)),
    "fire": (Fire(), (16, 7, 7)),
    "depthwise": (MobileNet(), (3, 16, 16)),
}
HARD = {"circular": (Apply(circular, nn.Conv1d(1, 1, 3)), (1, 9)), "buffer": (Apply(buffer, nn.Conv1d(1, 1, 2)), (1, 9)),
        "overwritten": (Apply(overwritten, nn.Conv1d(1, 1, 3)), (1, 9)),
        "circular layer": (nn.Conv1d(1, 1, 3, padding=1, padding_mode="circular"), (1, 9))}


def fields(model, shape):
    told = gradwell.inspect(model.double(), shape)
    return {layer.path: layer.receptive_field for layer in told.layers}


@pytest.mark.parametrize("kind", EXACT)
def test_a_receptive_field_is_what_can_make_a_unit_not_a_number(kind):
    model, shape = EXACT[kind]
    told, true = fields(model, shape), spread(model, shape)
    assert told == {path: true[path] for path in told}


@pytest.mark.parametrize("kind", HARD)
def test_where_a_field_cannot_be_followed_it_is_unknown_and_never_wrong(kind):
    model, shape = HARD[kind]
    true = spread(model, shape)
    assert all(field in (None, true[path]) for path, field in fields(model, shape).items())


layer = st.one_of(
    st.builds(lambda k, s, p, d: nn.Conv1d(2, 2, k, s, min(p, k), d),
              st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2)),
    st.builds(lambda k, s: nn.MaxPool1d(k, s, k // 2), st.integers(2, 3), st.integers(1, 3)),
    st.builds(lambda k, s, p: nn.ConvTranspose1d(2, 2, k, s, min(p, k - 1)), st.integers(1, 4), st.integers(1, 3), st.integers(0, 1)),
    st.builds(lambda k: nn.AvgPool1d(k, ceil_mode=True), st.integers(1, 2)))


@settings(deadline=None, max_examples=30)
@given(st.lists(layer, min_size=1, max_size=4))
def test_the_field_of_any_chain_is_exact(layers):
    model = nn.Sequential(*layers)
    try:
        model(torch.rand(1, 2, 26))
    except RuntimeError:
        return  # a window wider than what is left
    told, true = fields(model, (2, 26)), spread(model, (2, 26))
    assert told == {path: true[path] for path in told}


def test_a_unit_that_sees_padding_alone_sees_no_channel_either():
    model, shape = nn.Sequential(nn.ConvTranspose1d(2, 2, 1, 2), nn.Conv1d(2, 2, 1, 2, 1)), (2, 26)
    assert fields(model, shape)["1"] == (0, 0) == spread(model, shape)["1"]


def test_a_last_step_of_a_recurrent_layer_sees_all_steps():
    told = gradwell.inspect(nn.LSTM(3, 4, batch_first=True), (9, 3))
    assert told.layers[0].receptive_field == (9, 3)
