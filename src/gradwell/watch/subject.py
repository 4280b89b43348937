"""A model that runs again, in a copy of the process: in eval mode, without hooks of others, each time from the same random state."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as hooks

from gradwell.watch.apart import NotTried
from gradwell.watch.batch import axis_of, changed, chosen, first_tensor, tensors
from gradwell.watch.calls import Call

EXAMPLES = 16  # of a batch that the model is run on, at most
FEWEST = 3


class Subject:
    """A model and some examples of a batch it was called on: as many as are the size of no other axis, so that they are known anywhere.

    Where the batch has as many examples as steps, the first axis is taken for the examples; a model that sees it otherwise gives out
    another number of rows, and is not looked at.
    """

    def __init__(self, call: Call, count: int) -> None:
        self.call, self.model = call, call.model
        parts = list(tensors(call.inputs))
        axes = [axis_of(x, count) for x in parts]
        other = {size for x, axis in zip(parts, axes, strict=True) for i, size in enumerate(x.shape) if i != axis} | set(call.output[1:])
        fitting = [n for n in range(min(EXAMPLES, count - 1), FEWEST - 1, -1) if n not in other]
        if not fitting:
            raise NotTried  # the batch has too few examples
        self.examples, self._count = fitting[0], count
        self.axis = next((axis for axis in axes if axis is not None), 0)
        rows = torch.linspace(0, count - 1, self.examples).round().long()
        self.inputs = changed(chosen(call.inputs, rows, count), Tensor.clone)

    def prepare(self) -> None:
        """Switch off dropout, batch statistics, hooks that all modules share, and kernels that hide what they compute."""
        for shared in (hooks._global_forward_hooks, hooks._global_forward_pre_hooks, hooks._global_backward_hooks,
                       hooks._global_backward_pre_hooks):
            shared.clear()
        torch.backends.mha.set_fastpath_enabled(False)
        torch.backends.cuda.enable_flash_sdp(False)
        torch.backends.cuda.enable_mem_efficient_sdp(False)
        torch.set_grad_enabled(False)
        self.model.eval()
        if any(isinstance(m, nn.modules.batchnorm._BatchNorm) and m.running_mean is None for m in self.model.modules()):
            raise NotTried("its batch normalisation keeps no statistics, so that examples are meant to depend on each other")

    def chosen(self, order: list[int]) -> Any:
        """The batch with some examples in the place of others."""
        return chosen(self.inputs, torch.tensor(order), self.examples)

    def output(self, inputs: Any, noting: AbstractContextManager[Any] | None = None) -> Tensor:
        """The first tensor that the model gives out, as in the call that was heard, but for fewer examples or longer sequences."""
        sow()
        args, kwargs = changed(inputs, Tensor.clone)
        before = [x._version for x in tensors((args, kwargs))]
        kind, dtype, on = self.call.autocast
        with torch.autocast(kind, dtype, enabled=on), noting or nullcontext():
            found = first_tensor(self.model(*args, **kwargs))
        if [x._version for x in tensors((args, kwargs))] != before:
            raise NotTried("it changes its inputs in place")
        if found is None or found.dtype != self.call.dtype or found.dim() != len(self.call.output):
            raise NotTried("it gives out something else in eval mode")
        if not bool(found.isfinite().all()):
            raise NotTried  # nothing can be compared, and another probe tells of it
        return found.detach().float()

    def rows(self, output: Tensor) -> Tensor:
        """An output as a table (examples, values)."""
        axis = axis_of(output, self.examples)
        if axis is None and len(output) % self.examples == 0 and self.call.output[0] == len(output) // self.examples * self._count:
            return output.reshape(self.examples, -1)  # the steps of each example, one after another
        if axis is None:
            raise NotTried  # its output does not show which example is which
        return output.movedim(axis, 0).flatten(1)


def sow() -> None:
    """Set all random states to the same, every time."""
    torch.manual_seed(0)
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)


@contextlib.contextmanager
def hearing(model: nn.Module, kinds: tuple[type[nn.Module], ...], tell: Callable[[str, Any, Any], object]) -> Iterator[None]:
    """Tell the name, the module and the positional inputs of every call of some kinds of modules."""

    def listener(name: str) -> Callable[[nn.Module, Any], None]:
        def heard(module: nn.Module, args: Any) -> None:
            tell(name, module, args)
        return heard

    handles = [module.register_forward_pre_hook(listener(name)) for name, module in model.named_modules() if isinstance(module, kinds)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
