"""Convolution blocks: their sizes, and what they compute, against torch's own functions."""

import pytest
import torch
from torch.nn import functional

from gradwell.nets.conv import Bottleneck, ConvBlock, DepthwiseSeparable, Fire


def kernels(block):
    return sum(weight.numel() for weight in block.parameters() if weight.dim() == 4)


def normalised(y):
    return functional.batch_norm(y, None, None, training=True)


def test_a_block_convolves_normalises_and_cuts_off_below_zero():
    x, block = torch.randn(5, 3, 9, 9), ConvBlock(3, 4)
    expected = normalised(functional.conv2d(x, block[0].weight, padding=1)).relu()
    torch.testing.assert_close(block(x), expected, rtol=1e-4, atol=1e-5)


def test_a_bottleneck_adds_what_its_three_convolutions_make_to_its_input():
    x, block = torch.randn(5, 8, 7, 7), Bottleneck(8, 2)
    y = normalised(functional.conv2d(x, block.squeeze[0].weight)).relu()
    y = normalised(functional.conv2d(y, block.middle[0].weight, padding=1)).relu()
    y = normalised(functional.conv2d(y, block.expand[0].weight))
    torch.testing.assert_close(block(x), (x + y).relu(), rtol=1e-4, atol=1e-5)


def test_a_fire_block_puts_both_kinds_of_kernels_side_by_side():
    x, block = torch.randn(5, 8, 7, 7), Fire(8, 2, 6)
    s = normalised(functional.conv2d(x, block.squeeze[0].weight)).relu()
    deep = normalised(functional.conv2d(s, block.point[0].weight)).relu()
    wide = normalised(functional.conv2d(s, block.wide[0].weight, padding=1)).relu()
    torch.testing.assert_close(block(x), torch.cat((deep, wide), 1), rtol=1e-4, atol=1e-5)


def test_a_depthwise_kernel_sees_one_channel_alone():
    x, block = torch.randn(2, 4, 6, 6), DepthwiseSeparable(4, 3)[0].eval()
    other = x.clone()
    other[:, 1] += 1
    changed = (block(other) != block(x)).flatten(2).any(2)
    assert changed[:, 1].all()
    assert not changed[:, [0, 2, 3]].any()


@pytest.mark.parametrize(
    ("block", "weights"),
    [
        (ConvBlock(16, 32), 9 * 16 * 32),
        (Bottleneck(64, 16), 2 * 64 * 16 + 9 * 16 * 16),
        (Fire(64, 8, 32), 64 * 8 + 8 * 16 + 9 * 8 * 16),
        (DepthwiseSeparable(16, 32), 9 * 16 + 16 * 32),
        (DepthwiseSeparable(16, 32, kernel=5), 25 * 16 + 16 * 32),
    ],
)  # fmt: skip
def test_the_kernels_have_as_many_weights_as_the_docstrings_say(block, weights):
    assert kernels(block) == weights


@pytest.mark.parametrize("side", [1, 2, 7, 8])
def test_a_stride_divides_the_side_and_nothing_else_changes_it(side):
    x = torch.randn(2, 4, side, side)
    for block in (ConvBlock(4, 6), Fire(4, 2, 6), DepthwiseSeparable(4, 6), ConvBlock(4, 6, 5)):
        assert block.eval()(x).shape == (2, 6, side, side)
    for block in (ConvBlock(4, 6, stride=2), DepthwiseSeparable(4, 6, stride=2)):
        assert block.eval()(x).shape == (2, 6, -(-side // 2), -(-side // 2))
