"""The losses there are."""

from __future__ import annotations

import torch

from gradwell.errors import OptionError
from gradwell.nets.losses import classes, labels, numbers
from gradwell.nets.losses.loss import Loss

NUMBERS = "numbers like z"
LOSSES: tuple[Loss, ...] = (
    Loss("cross_entropy", "-ln p_y, p = softmax(z)", "p - onehot(y); with weights and smoothing p sum(w q) - w q", "softmax",
         "class numbers (N, ...), or probabilities like z", "ln C", "Bridle 1990", classes.cross_entropy, classes.cross_entropy_gradient,
         classes.softmax),
    Loss("focal", "-(1 - p_y)^g ln p_y", "(1 - p_y)^g (1 - g p_y ln p_y / (1 - p_y)) (p - onehot(y))", "softmax",
         "class numbers (N, ...)", "(1 - 1/C)^g ln C", "Lin et al. 2017, arXiv 1708.02002", classes.focal, classes.focal_gradient,
         classes.softmax),
    Loss("kl_divergence", "sum q (ln q - ln p)", "p - q", "softmax", "probabilities like z", "ln C - entropy of q",
         "Kullback and Leibler 1951; Hinton et al. 2015, arXiv 1503.02531", classes.kl_divergence, classes.kl_divergence_gradient,
         classes.softmax),
    Loss("multi_margin", "sum over c != y of max(0, 1 - z_y + z_c) / C", "1/C where c comes nearer than 1, at y minus their sum",
         "none: the largest logit is the answer", "class numbers (N,)", "1 - 1/C", "Crammer and Singer 2001; Weston and Watkins 1999",
         classes.multi_margin, classes.multi_margin_gradient, numbers.same),
    Loss("binary_cross_entropy", "-y ln s - (1 - y) ln(1 - s), s = sigmoid(z)", "s - y; with weights w ((1 - y) s - v y (1 - s))",
         "sigmoid", "0 to 1 like z, one label or several", "ln 2", "Cox 1958", labels.binary_cross_entropy,
         labels.binary_cross_entropy_gradient, torch.sigmoid),
    Loss("binary_focal", "-(1 - p)^g ln p, p = s if y = 1 else 1 - s", "(2 y - 1) (1 - p)^g (g p ln p - (1 - p))", "sigmoid",
         "0 and 1 like z, one label or several", "ln 2 / 2^g", "Lin et al. 2017, arXiv 1708.02002", labels.binary_focal,
         labels.binary_focal_gradient, torch.sigmoid),
    Loss("hinge", "max(0, 1 - y z)", "-y if y z < 1 else 0", "none: the sign is the answer", "-1 and 1 like z", "1",
         "Cortes and Vapnik 1995", labels.hinge, labels.hinge_gradient, numbers.same),
    Loss("squared_error", "(z - y)^2", "2 (z - y)", "none", NUMBERS, "mean of y^2", "Legendre 1805", numbers.squared_error,
         numbers.squared_error_gradient, numbers.same),
    Loss("absolute_error", "|z - y|", "sign(z - y)", "none", NUMBERS, "mean of |y|", "Boscovich 1757", numbers.absolute_error,
         numbers.absolute_error_gradient, numbers.same),
    Loss("huber", "e^2 / 2 if |e| < d else d (|e| - d/2), e = z - y", "e cut to [-d, d]", "none", NUMBERS,
         "mean of the loss of 0 against y", "Huber 1964", numbers.huber, numbers.huber_gradient, numbers.same),
    Loss("smooth_l1", "e^2 / (2 b) if |e| < b else |e| - b/2", "e / b cut to [-1, 1]", "none", NUMBERS,
         "mean of the loss of 0 against y", "Girshick 2015, arXiv 1504.08083", numbers.smooth_l1, numbers.smooth_l1_gradient,
         numbers.same),
    Loss("poisson", "exp(z) - y z", "exp(z) - y", "exp", "counts like z", "1", "Nelder and Wedderburn 1972", numbers.poisson,
         numbers.poisson_gradient, numbers.rate),
)


def loss(name: str) -> Loss:
    """The loss of a name.

    Raises OptionError when there is none.
    """
    for one in LOSSES:
        if one.name == name:
            return one
    raise OptionError(f"there is no loss {name!r}; there are {', '.join(one.name for one in LOSSES)}")
