"""The Triton kernels compute what the plain equation says. On a GPU they are run as they are; without one, by Triton's interpreter.

Where Triton is not installed (PyTorch for CPUs does not bring it) all of this is skipped.
"""

import os
import subprocess
import sys

import pytest
import torch

from gradwell.nets.attention.scoring import additive_score, plain, plain_gradients

triton = pytest.importorskip("triton", reason="Triton is not installed; PyTorch for CUDA brings it, PyTorch for CPUs does not")
gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
CASES = [
    (1, 1, 1, 1, "float32"), (2, 3, 5, 7, "float32"), (2, 9, 17, 33, "float32"), (2, 1, 200, 40, "float32"), (3, 20, 2, 65, "float32"),
    (2, 9, 17, 33, "float16"), (2, 9, 17, 33, "bfloat16"),
]
TOLERANCE = {"float32": 2e-6, "float16": 2e-3, "bfloat16": 2e-2}  # of the largest number, or of 1


def largest_error(batch, queries, time, size, kind, device):
    """The largest error of the score and of each gradient, as a share of the largest number (or of 1)."""
    from gradwell.nets.attention import triton_score

    torch.manual_seed(0)
    shapes = (batch, queries, time), (batch, queries, size), (batch, time, size), (size,)
    g, q, k, v = (torch.randn(shape, device=device).to(getattr(torch, kind)) for shape in shapes)
    truth = plain(*(x.double() for x in (q, k, v))), *plain_gradients(*(x.double() for x in (g, q, k, v)), None, None)[:3]
    found = triton_score.scores(q, k, v), *triton_score.gradients(g, q, k, v)[:3]
    return max(((a - b).abs().max() / b.abs().max().clamp(min=1)).item() for a, b in zip(found, truth, strict=True))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device: the kernels themselves are tested")
def test_interpreted_kernels_compute_the_plain_equation():
    done = subprocess.run([sys.executable, "-m", __name__], env=os.environ | {"TRITON_INTERPRET": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@gpu
@pytest.mark.parametrize("case", CASES, ids=str)
def test_kernels_compute_the_plain_equation(case):
    assert largest_error(*case, "cuda") < TOLERANCE[case[-1]]


@gpu
def test_additive_scores_on_a_gpu_take_no_more_memory_than_their_keys():
    q, k, v = (torch.randn(*shape, device="cuda", requires_grad=True) for shape in ((8, 64, 256), (8, 64, 256), (256,)))
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    additive_score(q, k, v).sum().backward()
    assert torch.cuda.max_memory_allocated() - before < 8 * k.nbytes


if __name__ == "__main__":
    for case in CASES:
        assert largest_error(*case, "cpu") < TOLERANCE[case[-1]], case
