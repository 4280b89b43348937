"""Numbers that several threads share, and what they need to take turns without the GIL."""

from __future__ import annotations

from typing import Any

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


@kernel
def merge(shared, own, base, flags, place, patient):
    """Add to a shared matrix what this thread has learned since the last time, and take over what others have.

    One thread at a time: while another is at it, a patient thread waits, and any other goes on and tries again later.
    """
    while exchange(flags, place, 1) != 0:
        if not patient:
            return
        rest()
    for r in range(shared.shape[0]):
        for j in range(shared.shape[1]):
            value = shared[r, j] + (own[r, j] - base[r, j])
            shared[r, j] = value
            own[r, j] = value
            base[r, j] = value
    exchange(flags, place, 0)
