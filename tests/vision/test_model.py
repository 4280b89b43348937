"""The networks."""

import pytest
import torch

from gradwell.vision.model import network
from gradwell.vision.options import Options


@pytest.mark.parametrize("name", ["compact", "mlp"])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 8, 8), (3, 1, 1), (1, 5, 40), (3, 65, 63)])
def test_images_of_any_shape_get_a_score_for_each_class(name, shape):
    model = network(Options(network=name, width=4), shape, 7).eval()
    assert model(torch.randint(0, 256, (2, *shape), dtype=torch.uint8)).shape == (2, 7)


def test_the_compact_network_of_small_images_has_fewer_than_150000_parameters():
    assert sum(p.numel() for p in network(Options(), (1, 28, 28), 10).parameters()) == 119_274


def test_its_maps_are_about_seven_pixels_wide_before_they_are_averaged():
    for side, last in ((28, 7), (32, 8), (64, 8), (8, 4)):
        model = network(Options(width=4), (1, side, side), 2).eval()
        x = torch.zeros(1, 1, side, side)
        for layer in model[:-4]:
            x = layer(x)
        assert x.shape[2:] == (last, last)
