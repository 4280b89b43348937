"""The first weights of a whole model, by fan-in and activation."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from gradwell.errors import OptionError
from gradwell.nets.activations import activation as named
from gradwell.nets.initializers.feeding import Fed, feeding
from gradwell.nets.initializers.schemes import BY_ACTIVATION, SCHEMES, Layer, draw, fans, layers, own
from gradwell.nets.initializers.started import Start, Started
from gradwell.nets.onebatch import Inputs


def initialize(model: nn.Module, scheme: str = "he", activation: str | None = None, *, inputs: Inputs | None = None,
               generator: torch.Generator | None = None) -> Started:
    """Draw the weights of every linear and convolutional layer so that a signal neither dies nor explodes; biases become zero.

    scheme, with n the fan-in, m the fan-out and g the gain:
      "fan-in"      uniform up to 1 / sqrt(n), the usual way before 2010 and torch's own for linear layers
      "glorot"      normal, variance 2 / (n + m): between what the signal and what the gradient needs (Glorot and Bengio 2010)
      "lecun"       normal, variance 1 / n (LeCun et al. 1998, Efficient BackProp; for SELU Klambauer et al. 2017)
      "he"          normal, variance g^2 / n (He et al. 2015, arXiv 1502.01852)
      "orthogonal"  g times a matrix with orthonormal rows or columns, group by group (Saxe et al. 2014, arXiv 1312.6120)

    The gain belongs to what *feeds* a layer: after f the variance of W f(z) is that of z if g^2 = 1 / E[f(z)^2], 2 for ReLU.
    activation: a name of gradwell.nets.activations, taken for every layer as torch.nn.init.kaiming_normal_ does.
    inputs: one batch (a tensor, a tuple of arguments or a dict of named ones) instead; one forward pass then follows each tensor from
    the activation, module or plain function, through pools, dropout and sums to the layer it feeds. The first layer, and one fed by a
    normalisation, has a gain of 1. Buffers, training flags and random states are afterwards as they were.
    generator: draws the weights; without one torch's global state does.

    Only linear and convolutional layers are drawn, from the model given: pass a part of it, such as model.head, to leave the rest.

    Raises OptionError for a scheme or activation there is not, and where a gain is needed and neither of the two is given.
    """
    if scheme not in SCHEMES:
        raise OptionError(f"there is no scheme {scheme!r}; there are {', '.join(SCHEMES)}")
    found = layers(model)
    fed = gains(model, found, scheme, activation, inputs)
    rows = []
    for name, layer in found.items():
        if (one := fed[name]) is None:
            continue
        source, gain = one
        std = draw(layer, scheme, gain, generator)
        rows.append(Start(name, type(layer).__name__, scheme, source, *fans(layer), gain, std))
    return Started(tuple(rows), tuple(name for name, one in fed.items() if one is None), others(model, found))


def gains(model: nn.Module, found: Mapping[str, Layer], scheme: str, activation: str | None,
          inputs: Inputs | None) -> Mapping[str, Fed | None]:
    """The activation that feeds each layer, and its gain."""
    if activation is not None and inputs is not None:
        raise OptionError(f"give activation={activation!r} for all layers, or inputs to find each layer's own, not both")
    if activation is not None:
        one = named(activation)
        return dict.fromkeys(found, (one.name, one.gain if scheme in BY_ACTIVATION else 1.0))
    if scheme not in BY_ACTIVATION:
        return dict.fromkeys(found, ("", 1.0))
    if inputs is None:
        raise OptionError(f"{scheme!r} depends on the activations: name one, such as activation='relu', or give inputs=one batch to find "
                          "them")
    return feeding(model, found, inputs)


def others(model: nn.Module, found: Mapping[str, Layer]) -> tuple[str, ...]:
    """The parameters of two dimensions or more that no layer found here holds: embeddings, recurrent weights and the like."""
    held = {id(own(layer)) for layer in found.values()} | {id(p) for layer in found.values() for p in layer.parameters()}
    return tuple(name for name, p in model.named_parameters() if p.dim() > 1 and id(p) not in held)
