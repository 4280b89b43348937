"""What is read around an optimizer's step: gradient norms before it, the size of the update after it, and whose weights they are."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from gradwell.doctor import signals
from gradwell.doctor.record import Record
from gradwell.watch import sample
from gradwell.watch.descent import Descent
from gradwell.watch.foreign import Shown
from gradwell.watch.registry import Named, Registry, kind, unwrapped

STRANGE = 4  # losses looked at, none of which reached what an optimizer holds, after which it holds the wrong weights
PARAMETERS = 64  # weights of one optimizer whose own readings are taken
DECOUPLED = ("AdamW", "Muon", "Lion", "AdamW8bit", "FusedAdamW")  # optimizers whose weight decay is no part of the gradient
Put = Callable[[str, int, int, Tensor], None]


class Optimizers:
    """All optimizers of a run, and the weights each one holds."""

    def __init__(self, record: Record, registry: Registry, put: Put) -> None:
        self._record, self._registry, self._put = record, registry, put
        self._live: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
        self._sites: dict[int, int] = {}
        self._models: dict[tuple[str, str], int] = {}
        self._before: dict[int, list[tuple[Any, Tensor]]] = {}
        self._distinct: set[int] = set()  # parameters whose units are known to differ
        self._first_seen: dict[int, Tensor] = {}
        self._met = False  # whether a loss ever reached what an optimizer holds
        self._strangers = 0  # losses looked at that did not
        self._orphans: dict[Named, int] = {}
        self._found: dict[int, list[bool]] = {}
        self._setups: dict[int, dict[str, Any]] = {}
        self.descent = Descent()

    def add(self, optimizer: Any, age: int) -> None:
        """Learn of an optimizer; its age tells which parameters are younger."""
        self._live.setdefault(optimizer, age)

    def __len__(self) -> int:
        return len(self._live)

    def held(self) -> set[int]:
        """The ids of all parameters that some optimizer holds."""
        return set(map(id, self.all()))

    def all(self) -> list[Any]:
        """All parameters that some optimizer holds."""
        return [p for optimizer in list(self._live) for p in parameters(optimizer)]

    def site(self, parameter: Any, many: bool = False) -> int:
        """The site of a parameter; with `many` roots its name begins with its root's class."""
        if id(parameter) not in self._sites:
            named = self._registry.name(parameter, many)
            path = f"{named.module}.{named.parameter}" if named.parameter else named.module
            self._sites[id(parameter)] = self._record.site("parameter", path, named.type, named.file, named.line)
        return self._sites[id(parameter)]

    def model(self, root: nn.Module) -> int:
        """The site of a whole model."""
        file, line = self._registry.line(unwrapped(root))
        key = kind(root), f"{file}:{line}"
        if key not in self._models:
            self._models[key] = self._record.site("model", "model", key[0], file, line)
        return self._models[key]

    def left(self) -> None:
        """Remember the gradients as a backward pass left them."""
        for optimizer in list(self._live):
            self.descent.keep(chosen([p for p in parameters(optimizer) if p.requires_grad]))

    def before(self, optimizer: Any) -> None:
        """Remember the weights that the optimizer is about to change."""
        held = [p for p in parameters(optimizer) if p.requires_grad]
        self._before[id(optimizer)] = [(p, sample.flat(sample.local(p)).clone()) for p in chosen(held) if sample.local(p).numel()]

    def gradients(self, optimizer: Any, step: int, clipped: bool) -> None:
        """Measure the gradients that the optimizer uses; their whole norm, too, unless it was seen when they were clipped."""
        touched = [p for p in parameters(optimizer) if p.grad is not None and not p.grad.is_sparse]
        if not touched:
            return
        norms = dict(zip(map(id, touched), torch._foreach_norm([sample.local(p.grad).detach() for p in touched]), strict=True))
        if not clipped:
            copies = held_by(touched)
            together = [norms[id(p)].float().to(touched[0].device) / count**0.5 for p, count in zip(touched, copies, strict=True)]
            spread = any(hasattr(p, "to_local") for p in touched)
            self._put((signals.SHARD_NORM if spread else signals.GRADIENT_NORM).name, 0, step, torch.stack(together).norm())
        for p in chosen(touched):
            self._put(signals.PARAMETER_GRADIENT.name, self.site(p), step, norms[id(p)])

    def after(self, optimizer: Any, step: int, backwards: int, stale: bool | None) -> None:
        """Measure how far the weights moved, whether units are still alike, and the mode the model is in."""
        changes = []
        decays = decay_factors(optimizer)
        for p, before in self._before.pop(id(optimizer), []):
            site = self.site(p)
            change = sample.flat(sample.local(p)) - before
            changes.append((p, change))
            self._put(signals.UPDATE_RATIO.name, site, step, signals.ratio(change, before))
            self._decay(p, before, change, decays.get(id(p), (0.0, False)), site, step)
            if p.dim() > 1 and len(p) > 1 and site not in self._distinct:
                rows = sample.local(p).detach()[:: max(1, len(p) // 64)].flatten(1)[:, :1024]
                if len(rows) < 2:
                    continue
                share = float(signals.equal_units_share(rows))
                self._record.add(signals.EQUAL_UNITS.name, site, step, share)
                if share < 1:
                    self._distinct.add(site)
        roots = self._registry.roots([p for p in parameters(optimizer) if p.requires_grad])
        for root in roots:
            self._record.add(signals.EVAL_MODE.name, self.model(root), step, float(is_wrongly_in_eval(root)))
        site = self.model(roots[0]) if roots else 0
        cosine = self.descent.cosine(changes)
        if cosine is not None:
            self._put(signals.DESCENT.name, site, step, cosine)
        setup = {"kind": optimizer.kind if isinstance(optimizer, Shown) else type(optimizer).__name__,
                 "maximize": bool(optimizer.param_groups[0].get("maximize")), "optimizers": len(self)}
        if self._setups.get(site) != setup:
            self._setups[site] = setup
            self._record.fact(signals.SETUP.name, site, step, setup)
        self._record.add(signals.BACKWARDS.name, site, step, backwards)
        self._record.add(signals.LEARNING_RATE.name, site, step, float(optimizer.param_groups[0]["lr"]))
        found = self._found.pop(id(optimizer), [])
        if stale is not None and found:
            self._record.add(signals.STALE_GRADIENT.name, site, step, float(all(found)))

    def _decay(self, p: Any, before: Tensor, change: Tensor, decay: tuple[float, bool], site: int, step: int) -> None:
        """Measure how hard weight decay pulled: against the gradient where it is added to it, else against the rest of the update."""
        factor, decoupled = decay
        if not factor or p.grad is None or p.grad.is_sparse:
            return
        rest = change + factor * before if decoupled else sample.flat(sample.local(p.grad))
        self._put(signals.DECAY_PULL.name, site, step, signals.pull(factor * before, rest))

    def stale(self, leaves: Iterable[Any]) -> bool | None:
        """Whether gradients of an earlier step are still there as a backward pass begins; None where it reaches no held weight.

        Each optimizer is judged by its own weights alone, since in a GAN one network's loss leaves gradients in the other.
        """
        reached = {id(p): p for p in leaves}
        answers = []
        for optimizer in list(self._live):
            gradients = [p.grad for p in parameters(optimizer) if id(p) in reached]
            if gradients:
                answers.append(any(is_set(g) for g in gradients[:8]))
                self._found.setdefault(id(optimizer), []).append(answers[-1])
        return any(answers) if answers else None

    def orphans(self, leaves: Iterable[Any], step: int) -> None:
        """Note the parameters that receive a gradient while no optimizer holds them."""
        held = self.held()
        reached = list(leaves)
        if any(id(p) in held for p in reached):
            self._met = True
        else:
            self._strangers += 1
            if self._met or self._strangers < STRANGE:
                return  # what is trained here is not trained by an optimizer
        oldest = min(self._live.values(), default=0)
        roots = self._registry.roots([p for optimizer in list(self._live) for p in parameters(optimizer)])
        for p in reached:
            if id(p) in held or not isinstance(p, nn.Parameter):
                continue
            values = sample.flat(sample.local(p))
            how = "by hand" if self._moved(p, values) else self._registry.standing(p, oldest, roots)
            facts = {"how": how, "numbers": p.numel(), "untrained": is_uniform(values)}
            self._record.fact(signals.ORPHAN.name, self._orphan_site(p, many=how == "apart"), step, facts)

    def _moved(self, p: Any, values: Tensor) -> bool:
        """Whether a parameter has changed since it was first seen."""
        key = id(p)
        if key not in self._first_seen:
            self._first_seen[key] = values[:64].clone()
            weakref.finalize(p, self._first_seen.pop, key, None)
        return not torch.equal(self._first_seen[key], values[:64])

    def _orphan_site(self, p: Any, many: bool) -> int:
        """The site of an orphan; where a layer is built anew in every forward pass, that of the one before it."""
        if not self._registry.is_gone(p):
            return self.site(p, many)
        named = self._registry.name(p)
        if named not in self._orphans:
            self._orphans[named] = self.site(p)
        return self._orphans[named]


def is_set(gradient: Tensor | None) -> bool:
    """Whether a gradient is there and not all zero."""
    if gradient is None:
        return False
    return bool((sample.local(gradient.coalesce().values() if gradient.is_sparse else gradient) != 0).any())


def is_uniform(values: Tensor) -> bool:
    """Whether values fill a range evenly up to its sharp ends, as torch's default initial weights do and trained weights do not.

    A uniform distribution on [-a, a] has the standard deviation a / sqrt(3) and the kurtosis 1.8 (a normal one has 3); of n values
    both are known to about 1 / sqrt(n).
    """
    n, ends, spread = values.numel(), values.abs().amax(), values.square().mean().sqrt().clamp_min(1e-30)
    kurtosis = (values / spread).square().square().mean()
    return n >= 256 and bool((ends / (3**0.5 * spread) - 1).abs() < 0.01 + 1 / n**0.5) and bool((kurtosis - 1.8).abs() < 0.05 + 3 / n**0.5)


def held_by(weights: list[Any]) -> list[int]:
    """How many ranks hold the same part of each weight, where some are spread over ranks: the squares of all ranks then sum up to the
    whole.
    """
    ranks = next((p.device_mesh.size() for p in weights if hasattr(p, "to_local")), 1)
    return [math.prod(p.device_mesh.size(axis) for axis, placed in enumerate(p.placements) if placed.is_replicate())
            if hasattr(p, "to_local") else ranks for p in weights]


def parameters(optimizer: Any) -> list[Any]:
    """Every parameter that an optimizer holds."""
    return [p for group in optimizer.param_groups for p in group["params"]]


def decay_factors(optimizer: Any) -> dict[int, tuple[float, bool]]:
    """What each parameter is multiplied by to be pulled to zero, and whether that goes into the update rather than the gradient."""
    factors = {}
    for group in optimizer.param_groups:
        decay = float(group.get("weight_decay") or 0)
        apart = type(optimizer).__name__ in DECOUPLED or bool(group.get("decoupled_weight_decay"))
        for p in group["params"]:
            factors[id(p)] = decay * float(group["lr"]) if apart else decay, apart
    return factors


def chosen(found: list[Any]) -> list[Any]:
    """The parameters whose own readings are taken: the weights (all, if there are none), at most PARAMETERS, evenly spaced."""
    found = [p for p in found if p.dim() > 1] or found
    if len(found) <= PARAMETERS:
        return found
    return [found[round(i * (len(found) - 1) / (PARAMETERS - 1))] for i in range(PARAMETERS)]


def is_wrongly_in_eval(root: nn.Module) -> bool:
    """Whether a model that is being trained is in eval mode as a whole and has parts to which that matters.

    Parts frozen on purpose are left out: normalisation whose weights do not train, and dropout when most weights do not.
    """
    if any(module.training for module in root.modules()):
        return False
    weights = list(root.parameters())
    mostly_trained = 2 * sum(p.numel() for p in weights if p.requires_grad) > sum(p.numel() for p in weights)
    for module in root.modules():
        if isinstance(module, _BatchNorm) and (module.weight is None or module.weight.requires_grad) and mostly_trained:
            return True
        dropped = module.p if isinstance(module, _DropoutNd) else 0.0
        if isinstance(module, (nn.RNNBase, nn.MultiheadAttention)):
            dropped = module.dropout
        if dropped > 0 and mostly_trained:
            return True
    return False
