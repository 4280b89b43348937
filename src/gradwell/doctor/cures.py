"""Remedies that several rules share, each a change of a run's model or optimizer in place.

They work on what is alive, so that `gradwell cure` can apply them to a stranger's script: the inputs are changed at the model's door,
rates and gradients just before the optimizer's step.
"""

from __future__ import annotations

import statistics
from typing import Any

from gradwell.doctor.run import Run


def initialize(run: Run) -> None:
    """Draw the weights of all linear and convolutional layers anew, by fan-in and activation; biases become zero.

    As He et al. (2015) do for ReLU; as Glorot and Bengio (2010) do where all activations are tanh.
    """
    from torch import nn

    kinds = {type(module).__name__ for module in run.model.modules()}
    bounded = "Tanh" in kinds and not kinds & {"ReLU", "LeakyReLU", "GELU", "ELU", "SiLU"}
    for module in run.model.modules():
        if isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            if bounded:
                nn.init.xavier_normal_(module.weight)
            else:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def rectify(run: Run) -> None:
    """Put nn.ReLU in the place of every hidden nn.Sigmoid and nn.Tanh, with the initial weights that suit it; where the model calls
    torch.sigmoid or torch.tanh, change nothing.
    """
    from torch import nn

    swapped = False
    for parent in list(run.model.modules()):
        names = [name for name, child in parent.named_children() if isinstance(child, (nn.Sigmoid, nn.Tanh))]
        last = list(parent._modules)[-1:] if parent is run.model else []  # an activation at the very end is the output's own
        for name in names:
            if [name] != last:
                setattr(parent, name, nn.ReLU())
                swapped = True
    if swapped:
        initialize(run)


def leak(run: Run) -> None:
    """Put nn.LeakyReLU in the place of every nn.ReLU, and draw the weights anew, so that no unit begins dead."""
    from torch import nn

    for parent in list(run.model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.ReLU):
                setattr(parent, name, nn.LeakyReLU(0.01))
    initialize(run)


def standardize(run: Run) -> None:
    """Bring every feature of what goes into the model to mean 0 and standard deviation 1, by all that training has shown so far."""
    import torch

    seen: dict[Any, tuple[float, Any, Any]] = {}  # by place and width: examples, sum, sum of squares

    def scaled(key: Any, x: Any) -> Any:
        if not isinstance(x, torch.Tensor) or not x.is_floating_point() or x.dim() < 2:
            return x
        axis = 1 if x.dim() > 3 else x.dim() - 1
        others, key = [i for i in range(x.dim()) if i != axis], (key, x.shape[axis])
        if torch.is_grad_enabled() or key not in seen:
            y = x.detach().double()
            before = seen.get(key, (0.0, 0.0, 0.0))
            seen[key] = before[0] + y.numel() / y.shape[axis], before[1] + y.sum(others), before[2] + y.square().sum(others)
        count, total, squares = seen[key]
        mean = total / count
        std = (squares / count - mean.square()).clamp_min(0).sqrt()
        shape = [-1 if i == axis else 1 for i in range(x.dim())]
        std = torch.where(std > 1e-8 * mean.abs() + 1e-12, std, torch.ones_like(std))
        return ((x - mean.view(shape)) / std.view(shape)).to(x.dtype)

    def before_forward(_: Any, inputs: tuple[Any, ...], named: dict[str, Any]) -> Any:
        return tuple(scaled(i, x) for i, x in enumerate(inputs)), {name: scaled(name, x) for name, x in named.items()}

    run.model.register_forward_pre_hook(before_forward, with_kwargs=True)


def slow_down(run: Run) -> None:
    """Divide every learning rate by 10, whatever a schedule makes of it."""
    rescale(run, 0.1)


def speed_up(run: Run) -> None:
    """Multiply every learning rate by 10, whatever a schedule makes of it."""
    rescale(run, 10.0)


def rescale(run: Run, factor: float) -> None:
    """Multiply the learning rates for the time of each step."""
    rates: list[float] = []

    def before(optimizer: Any, *_: object) -> None:
        rates[:] = [group["lr"] for group in optimizer.param_groups]
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] * factor

    def after(optimizer: Any, *_: object) -> None:
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate

    run.optimizer.register_step_pre_hook(before)
    run.optimizer.register_step_post_hook(after)


def clip(run: Run) -> None:
    """Cut every gradient to the median norm of the run's own gradients so far."""
    import torch

    norms: list[float] = []

    def before(optimizer: Any, *_: object) -> None:
        held = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if held:
            limit = statistics.median(norms) if norms else float("inf")
            norm = float(torch.nn.utils.clip_grad_norm_(held, limit))
            if norm < float("inf"):
                norms.append(norm)

    run.optimizer.register_step_pre_hook(before)


def replace_last(run: Run, kinds: tuple[str, ...], new: str) -> None:
    """Put a module of class `new` in the place of the model's last one, if that is of one of these kinds; else change nothing."""
    from torch import nn

    parent = run.model
    while isinstance(parent, nn.Sequential) and len(parent):
        if type(parent[-1]).__name__ in kinds:
            parent[-1] = getattr(nn, new)()
            return
        parent = parent[-1]


def remember(run: Run) -> None:
    """Let every recurrent layer remember from its first update on: orthogonal recurrent weights; an LSTM's forget gates and a GRU's
    update gates begin open (biases of 3, which keep 95 % of a state from one step to the next).
    """
    import torch
    from torch import nn

    for module in run.model.modules():
        if not isinstance(module, nn.RNNBase):
            continue
        gate = {"LSTM": slice(module.hidden_size, 2 * module.hidden_size), "GRU": slice(module.hidden_size, 2 * module.hidden_size)}
        with torch.no_grad():
            for name, parameter in module.named_parameters():
                if name.startswith("weight_hh") and module.mode not in gate:
                    nn.init.orthogonal_(parameter)
                if name.startswith("bias") and module.mode in gate:
                    parameter[gate[module.mode]] = 3.0 if name.startswith("bias_ih") else 0.0
