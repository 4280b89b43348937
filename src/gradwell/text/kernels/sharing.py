"""Numbers that several threads share, and what they need to take turns without the GIL."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types

from gradwell.text.kernels.numeric import intrinsic, kernel


@intrinsic
def arrive(typingctx: Any, flags: Any, place: Any) -> Any:  # noqa: ARG001
    """Add 1 to a number that several threads share."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        builder.atomic_rmw("add", builder.gep(data, [arguments[1]]), ir.Constant(ir.IntType(64), 1), "seq_cst")
        return context.get_dummy_value()

    return types.void(flags, types.int64), codegen


@intrinsic
def look(typingctx: Any, flags: Any, place: Any) -> Any:  # noqa: ARG001
    """A number that several threads share, as it is now."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.load_atomic(builder.gep(data, [arguments[1]]), "seq_cst", 8)

    return types.int64(flags, types.int64), codegen


@intrinsic
def rest(typingctx: Any) -> Any:  # noqa: ARG001
    """Let another thread have the processor."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.IntType(32), []), "sched_yield")
        builder.call(function, [])
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def exchange(typingctx: Any, flags: Any, place: Any, value: Any) -> Any:  # noqa: ARG001
    """Put a number in the place of another that several threads share; returns the old one."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.atomic_rmw("xchg", builder.gep(data, [arguments[1]]), arguments[2], "seq_cst")

    return types.int64(flags, types.int64, types.int64), codegen


class Share(NamedTuple):
    """Rows of a matrix that threads share, one thread's copy of them, and what they were when last merged."""

    shared: np.ndarray
    rows: np.ndarray
    own: np.ndarray
    base: np.ndarray


@kernel
def merge(share, flags, place, patient):
    """Add to the shared rows what this thread has learned since the last time, and take over what others have.

    One thread at a time: while another is at it, a patient thread waits, and any other goes on and tries again later.
    """
    if share.rows.shape[0] == 0:
        return
    while exchange(flags, place, 1) != 0:
        if not patient:
            return
        rest()
    for i in range(share.rows.shape[0]):
        r = share.rows[i]
        for j in range(share.own.shape[1]):
            value = share.shared[r, j] + (share.own[i, j] - share.base[i, j])
            share.shared[r, j] = value
            share.own[i, j] = value
            share.base[i, j] = value
    exchange(flags, place, 0)
