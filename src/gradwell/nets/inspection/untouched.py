"""A model is run, and is afterwards what it was."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Put a model in eval mode without gradients; restore training flags, buffers and random states whatever happens."""
    flags = [(module, module.training) for module in model.modules()]
    buffers = [(module, name, buffer, None if buffer is None else buffer.detach().clone())
               for module in model.modules() for name, buffer in module._buffers.items()]
    numpy = sys.modules.get("numpy")
    states = random.getstate(), numpy.random.get_state() if numpy else None
    devices = {p.device.index for p in model.parameters() if p.device.type == "cuda"}
    try:
        with torch.random.fork_rng(sorted(devices)), torch.no_grad():
            model.eval()
            yield
    finally:
        for module, training in flags:
            module.training = training
        with torch.no_grad():
            for module, name, buffer, value in buffers:
                module._buffers[name] = buffer
                if buffer is not None and value is not None and buffer.device.type != "meta":
                    buffer.copy_(value)
        random.setstate(states[0])
        if numpy and states[1] is not None:
            numpy.random.set_state(states[1])


@contextmanager
def plainly(model: nn.Module) -> Iterator[None]:
    """Let recurrent layers, attention and compiled modules run as the plain operations that torch's flop counter knows, none fused."""
    mkldnn, fast = torch._C._get_mkldnn_enabled(), torch.backends.mha.get_fastpath_enabled()
    with ExitStack() as stack:
        stack.callback(torch._C._set_mkldnn_enabled, mkldnn)
        stack.callback(torch.backends.mha.set_fastpath_enabled, fast)
        torch._C._set_mkldnn_enabled(False)
        torch.backends.mha.set_fastpath_enabled(False)
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        if torch.backends.cudnn.is_available():  # type: ignore[no-untyped-call]
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        if any(type(module).__name__ == "OptimizedModule" for module in model.modules()):
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        yield
