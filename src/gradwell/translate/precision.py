"""Whether the machine computes in bfloat16, or only imitates it, ten times slower."""

from __future__ import annotations

SLOW = "this machine only imitates bfloat16 (no AVX-512 BF16, AMX or GPU): {instead} is several times faster here"


def has_bf16() -> bool:
    """Whether there is a processor or GPU that computes in bfloat16 by itself."""
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    try:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):  # built without oneDNN
        return False
