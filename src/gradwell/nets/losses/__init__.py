"""Losses on logits: the value as torch has it, the gradient at the logits in closed form, and the head that belongs to each."""

from gradwell.nets.losses.kinds import LOSSES, loss
from gradwell.nets.losses.loss import Loss

__all__ = ["LOSSES", "Loss", "loss"]
