"""What every kernel is built from: the compiler's settings, a fast exponential, random bits, and a hint to the memory.

`kernel` compiles with Numba: without the GIL, kept on disk, and allowed to reorder sums (so that they use the
processor's wide registers) but not to assume that numbers are finite.
"""

from __future__ import annotations

from typing import Any

import numba
import numba.extending
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types

FLAGS = {"reassoc", "contract", "arcp", "nsz"}
kernel: Any = numba.njit(nogil=True, cache=True, fastmath=FLAGS, error_model="numpy")
intrinsic: Any = numba.extending.intrinsic  # a function that is written in the compiler's own language

LOG2E = np.float32(1.4426950408889634)
LN2 = np.float32(0.6931471805599453)


@intrinsic
def as_float(typingctx: Any, bits: Any) -> Any:  # noqa: ARG001
    """The float32 that has these 32 bits."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), codegen


@intrinsic
def fetch(typingctx: Any, array: Any, row: Any, byte: Any) -> Any:  # noqa: ARG001
    """Ask the memory for a row, from one of its bytes on, that will soon be needed.

    To be read, even where it will be written: to ask for it as a writer takes it from the other processor too early.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0])
        wide, small, word = ir.IntType(64), ir.IntType(8).as_pointer(), ir.IntType(32)
        at, offset = (builder.sext(index, wide) if index.type.width < 64 else index for index in arguments[1:])
        stride = cgutils.unpack_tuple(builder, data.strides)[0]
        address = builder.add(builder.ptrtoint(data.data, wide), builder.add(builder.mul(at, stride), offset))
        kind = ir.FunctionType(ir.VoidType(), [small, word, word, word])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [builder.inttoptr(address, small), *(ir.Constant(word, n) for n in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(array, row, byte), codegen


@kernel
def exp(x: np.float32) -> np.float32:
    """e^x to about six digits, in steps that the compiler can do for many numbers at once."""
    x = min(max(x, np.float32(-87.0)), np.float32(88.0))
    whole = np.floor(x * LOG2E + np.float32(0.5))
    r = x - whole * LN2
    p = np.float32(1 / 720)
    p = p * r + np.float32(1 / 120)
    p = p * r + np.float32(1 / 24)
    p = p * r + np.float32(1 / 6)
    p = p * r + np.float32(0.5)
    p = p * r + np.float32(1)
    p = p * r + np.float32(1)
    return p * as_float((np.int32(whole) + np.int32(127)) << np.int32(23))


@kernel
def sigmoid(x: np.float32) -> np.float32:
    """1 / (1 + e^-x)."""
    return np.float32(1) / (np.float32(1) + exp(-x))


@kernel
def mix(x: np.uint64) -> np.uint64:
    """Scramble 64 bits, so that neighbouring numbers give unrelated ones (splitmix64)."""
    x = np.uint64(x) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@kernel
def below(bits: np.uint64, n: np.int64) -> np.int64:
    """A number from 0 to n - 1, evenly spread, from 64 random bits."""
    return np.int64(((bits >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))
