"""Remedies that several rules share, each a change of a run's model in place."""

from __future__ import annotations

from gradwell.doctor.run import Run


def initialize(run: Run) -> None:
    """Draw the weights of all linear and convolutional layers anew, as He et al. (2015) do for ReLU; biases become zero."""
    from torch import nn

    for module in run.model.modules():
        if isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def rectify(run: Run) -> None:
    """Put nn.ReLU in the place of every hidden nn.Sigmoid and nn.Tanh, with the initial weights that suit it."""
    from torch import nn

    for parent in list(run.model.modules()):
        names = [name for name, child in parent.named_children() if isinstance(child, (nn.Sigmoid, nn.Tanh))]
        last = list(parent._modules)[-1:] if parent is run.model else []  # an activation at the very end is the output's own
        for name in names:
            if [name] != last:
                setattr(parent, name, nn.ReLU())
    initialize(run)


def standardize(run: Run) -> None:
    """Bring every feature of the inputs to mean 0 and standard deviation 1 over all batches."""
    import torch

    batches = list(run.batches)
    everything = torch.cat([x for x, _ in batches])
    mean, std = everything.mean(0), everything.std(0).clamp_min(1e-8)
    run.batches = [((x - mean) / std, y) for x, y in batches]


def slow_down(run: Run) -> None:
    """Divide every learning rate by 10."""
    for group in run.optimizer.param_groups:
        group["lr"] /= 10


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
