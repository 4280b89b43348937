"""The copying task: a few symbols are shown, then nothing for a while, then they are asked for in their order.

Hochreiter and Schmidhuber 1997 (Long short-term memory) began it; Arjovsky, Shah and Bengio 2016 (arXiv 1511.06464), section 4.1, gave it
this form: of S kinds of symbols K are shown, T steps are blank, a sign is given, and K answers are due. Without memory the
best answer to each is a guess, whose cross-entropy is ln S.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def copying(count: int, symbols: int, kinds: int, delay: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sequences (count, 2 symbols + delay, kinds + 2), one-hot, and the symbols (count, symbols) that are due in the last steps.

    Of the kinds + 2 inputs one is for blank steps and the last is the sign, given at the first step at which an answer is due: the
    first answer is due `symbols + delay` steps after its symbol, and so is every other.
    """
    shown = torch.randint(kinds, (count, symbols), generator=generator)
    steps = torch.full((count, 2 * symbols + delay), kinds)
    steps[:, :symbols] = shown
    steps[:, symbols + delay] = kinds + 1
    return F.one_hot(steps, kinds + 2).float(), shown
