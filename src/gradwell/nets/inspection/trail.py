"""A forward pass is followed operation by operation: its arithmetic, and for each tensor what it depends on and where it comes from."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry
from torch.utils.weak import TensorWeakRef, WeakTensorKeyDictionary

from gradwell.nets.inspection.marks import Marks, of_input
from gradwell.nets.inspection.operations import flat, passed_on


@dataclass(frozen=True)
class Step:
    """What is known of a tensor that depends on the input. marks: None where not known. origin: the call whose output it is, or None.

    A tensor still comes from its origin after activations and normalisation, but not after it was added to something or pooled.
    """

    marks: Marks | None
    origin: int | None = None


class Trail(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows every tensor that comes from the model's input, by what the operations that are really run do with it.

    flops: what torch.utils.flop_counter has formulas for, as FlopCounterMode counts it.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # or the compiler is loaded, for seconds, only to be switched off

    def __init__(self, x: Tensor | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0
        self.steps: Any = WeakTensorKeyDictionary()
        self.kin: defaultdict[int, list[TensorWeakRef]] = defaultdict(list)  # tensors of one memory
        self.written: dict[int, Any] = {}  # memory into which something that depends on the input was written
        if x is not None:
            self.keep(x, Step(of_input(x)))

    def keep(self, x: Tensor, step: Step) -> None:
        """Note what is known of a tensor."""
        self.steps[x] = step
        if x.layout is torch.strided:
            self.kin[x.untyped_storage()._cdata].append(TensorWeakRef(x))

    def step(self, x: Tensor) -> Step | None:
        """What is known of a tensor; None where it does not depend on the input."""
        found: Step | None = self.steps.get(x)
        if found is None and x.layout is torch.strided:
            ref, extents = self.written.get(x.untyped_storage()._cdata, (None, []))
            if ref and not ref.expired() and any(overlap(extent(x), other) for other in extents):
                return Step(None)
        return found

    def marks(self, x: Any) -> Marks | None:
        """What a tensor depends on; None where it depends on nothing, or that is not known."""
        return step.marks if isinstance(x, Tensor) and (step := self.step(x)) is not None else None

    def stamp(self, x: Tensor, origin: int) -> None:
        """Say which call a tensor is the output of."""
        if (step := self.step(x)) is not None:
            self.steps[x] = Step(step.marks, origin)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if (formula := flop_registry.get(func._overloadpacket)) is not None:
            self.flops += formula(*args, **(kwargs or {}), out_val=out)
        bound = dict(zip((a.name for a in func._schema.arguments), args, strict=False)) | (kwargs or {})
        steps = [step for x in flat(bound.values()) if (step := self.step(x)) is not None]
        if steps:
            self.note(func, bound, out, steps)
        return out

    def note(self, func: Any, bound: dict[str, Any], out: Any, steps: list[Step]) -> None:
        """Note what the outputs of an operation depend on."""
        marks: Marks | list[Marks] | None = None
        name = func._schema.name.removeprefix("aten::").removesuffix("_")
        keeps = torch.Tag.pointwise in func.tags or "batch_norm" in name
        alone = keeps and len(steps) == 1 and self.steps.get(next(iter(bound.values()))) is steps[0]
        if func._schema.is_mutable and name in ("copy", "fill", "zero"):  # what was there before is gone
            alone = False
            bound = {k: v for k, v in bound.items() if k != "self"}
            steps = [step for x in flat(bound.values()) if (step := self.step(x)) is not None]
        if steps and all(step.marks is not None for step in steps):
            try:
                marks = passed_on(func, bound, out, self.marks)
            except Exception:  # noqa: BLE001 - a rule that does not fit leaves the field unknown and disturbs nothing
                marks = None
        origins = {step.origin for step in steps}
        origin = origins.pop() if keeps and len(origins) == 1 else None
        outs = flat([out])
        each = marks if isinstance(marks, list) else [marks, *[None] * (len(outs) - 1)]
        for y, m in zip(outs, each, strict=False):
            if func._schema.is_mutable and not alone:
                self.overwritten(y, m)
            if steps:
                self.keep(y, Step(m, origin))
            else:
                self.steps.pop(y, None)

    def overwritten(self, y: Tensor, marks: Marks | None) -> None:
        """Other tensors that share the memory of one that was written to are no longer what they were."""
        storage = y.untyped_storage()
        ref, extents = self.written.get(storage._cdata, (None, []))
        if ref is None or ref.expired():
            ref, extents = StorageWeakRef(storage), []  # type: ignore[no-untyped-call]
        self.written[storage._cdata] = ref, [*extents, extent(y)]
        for tensor in self.kin[storage._cdata]:
            x = tensor()
            if x is not None and x is not y and x in self.steps and x.untyped_storage()._cdata == storage._cdata \
                    and overlap(extent(x), extent(y)):
                self.steps[x] = Step(marks if x.shape == y.shape else None)


def extent(x: Tensor) -> tuple[int, int]:
    """The first and the last place of a tensor in its memory."""
    first = int(x.storage_offset())
    return first, first + sum((n - 1) * int(stride) for n, stride in zip(x.shape, x.stride(), strict=True))


def overlap(a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Whether two tensors of the same memory may hold the same numbers."""
    return a[0] <= b[1] and b[0] <= a[1]
