"""The clipper's threshold is a quantile of the norms that the run has had, and nothing that is not finite enters it."""

import json
import math

import pytest
import torch
from torch import nn

from gradwell.errors import DataError, OptionError
from gradwell.nets.recurrent import AdaptiveClipper


def with_gradient(norm, count=2):
    parameters = [nn.Parameter(torch.zeros(3)) for _ in range(count)]
    for p in parameters:
        p.grad = torch.full((3,), norm / math.sqrt(3 * count))
    return parameters


def norm_of(parameters):
    return torch.cat([p.grad for p in parameters]).norm().item()


def test_the_threshold_is_the_quantile_of_the_norms_so_far():
    clipper, norms = AdaptiveClipper(0.25), [4.0, 1.0, 3.0, 8.0, 2.0]
    for n, norm in enumerate(norms, 1):
        parameters = with_gradient(norm)
        quantile = torch.tensor(norms[:n]).quantile(0.25).item()
        assert clipper(parameters) == pytest.approx((norm, quantile))
        assert norm_of(parameters) == pytest.approx(min(norm, quantile), rel=1e-5)


def test_the_direction_stays():
    clipper, p = AdaptiveClipper(0.0), nn.Parameter(torch.zeros(2))
    for gradient in ([0.3, 0.4], [30.0, 40.0]):
        p.grad = torch.tensor(gradient)
        clipper(p)
    torch.testing.assert_close(p.grad, torch.tensor([0.3, 0.4]))


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_a_gradient_that_is_not_finite_is_set_to_zero_and_forgotten(bad):
    clipper = AdaptiveClipper(0.5)
    clipper(with_gradient(1.0))
    parameters = with_gradient(bad)
    assert not clipper(parameters).finite
    assert norm_of(parameters) == 0
    assert (clipper.threshold, clipper.skipped) == (pytest.approx(1), 1)


def test_nothing_is_clipped_before_the_start_and_only_the_latest_norms_count():
    clipper = AdaptiveClipper(0.0, history=2, start=2)
    parameters = with_gradient(5.0)
    clipper(parameters)
    assert clipper.threshold == math.inf
    for norm in (7.0, 6.0):
        clipper(with_gradient(norm))
    assert clipper.threshold == pytest.approx(6)
    for norm in (1.0, 4.0, 4.0):
        clipper(with_gradient(norm))
    assert clipper.threshold == pytest.approx(4)


def test_a_run_goes_on_from_a_saved_state():
    first = AdaptiveClipper(0.3, history=5)
    for norm in (3.0, 1.0, 2.0):
        first(with_gradient(norm))
    second = AdaptiveClipper()
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    for clipper in (first, second):
        clipper(with_gradient(9.0))
    assert first.state_dict() == second.state_dict()


def test_parameters_without_gradients_are_left_alone():
    clipper = AdaptiveClipper()
    assert clipper([nn.Parameter(torch.zeros(2))]) == (0, math.inf)


def test_wrong_options_are_named():
    for options, says in (({"quantile": 2}, "quantile is 2"), ({"history": 0}, "history is 0"), ({"start": 0}, "start is 0")):
        with pytest.raises(OptionError, match=says):
            AdaptiveClipper(**options)
    with pytest.raises(DataError, match="it lacks"):
        AdaptiveClipper().load_state_dict({"quantile": 0.1})
