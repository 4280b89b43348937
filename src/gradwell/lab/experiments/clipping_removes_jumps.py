"""What clipping the gradient's norm does to the jumps of a recurrent network's loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Annotated

import torch
import torch.nn.functional as F

from gradwell.errors import OptionError
from gradwell.lab.experiment import Chart, Experiment, Verdict
from gradwell.lab.reader import Reader, layer
from gradwell.lab.rows import Row, numbers, over_seeds
from gradwell.lab.spread import Spread
from gradwell.lab.tasks.recall import recall
from gradwell.nets.recurrent import AdaptiveClipper

WAYS = ("none", "own quantile", "fixed")  # the last one is walked


@dataclass(frozen=True)
class ClippingRemovesJumps(Experiment):
    """Single steps throw the loss of an RNN with large recurrent weights far up, but not once the gradient's norm is clipped.

    g = g * min(1, threshold / ||g||). A recurrent layer with spectral radius `radius` trains by clipped gradient descent; at each of
    its steps the loss, on the same batch, is measured after the step as it would be unclipped, with a fixed threshold, and with a threshold
    that is a quantile of the norms so far. All three begin at the same weights with the same gradient. The head is held, so that the loss
    is bounded and only the recurrent weights can make it jump. The claim is judged by the fixed threshold. In the control it never clips,
    and the training goes the way of the unclipped steps.
    """

    id = "clipping-removes-jumps"
    zh = "循环权重很大的 RNN，单独一步就会使损失猛增；裁剪梯度的范数之后便不再如此。"
    question = 6
    source = ("Pascanu, Mikolov and Bengio 2013 (On the difficulty of training recurrent neural networks); "
              "Seetharaman, Wichern, Pardo and Le Roux 2020 (AutoClip)")
    textbook = ("a threshold at a low quantile of the run's own norms does as well (AutoClip); where all norms are large from the first "
                "step on, as here, it makes the jumps smaller and does not remove them")
    textbook_zh = ("以本次训练自身范数的低分位数作阈值，效果同样好（AutoClip）；若像这里一样，所有范数从第一步起就很大，"
                   "它使跳跃变小，但不能消除跳跃")
    rules = ("GW203", "GW702", "GW202")
    quick = {"steps": 40, "batch": 8}
    control = {"threshold": 1e9}
    charts = (Chart("Rise of the loss by one step", "step", "rise", by="clipping", zh="一步造成的损失上升"),
              Chart("Norm of the gradient before clipping", "step", "norm", log_y=True, zh="裁剪之前梯度的范数"))

    radius: Annotated[float, "spectral radius of the recurrent weights"] = 1.5
    length: Annotated[int, "time steps"] = 30
    hidden: Annotated[int, "units"] = 16
    batch: Annotated[int, "sequences a step"] = 16
    steps: Annotated[int, "steps of training"] = 60
    known: Annotated[int, "norms known before the quantile is judged"] = 10
    rate: Annotated[float, "learning rate"] = 0.05
    threshold: Annotated[float, "norm, at most, where the threshold is fixed"] = 0.5
    quantile: Annotated[float, "of the norms so far, where they give the threshold"] = 0.1
    jump: Annotated[float, "rise of the loss in one step, at least, to be called a jump; the answer 0 has loss 1"] = 0.5

    def measure(self, seed: int) -> Iterator[Row]:
        """At each step of the training measure what each way's step does, and keep that of the fixed threshold."""
        if self.steps <= self.known:
            raise OptionError(f"steps is {self.steps}; it must be more than known, {self.known}")
        torch.manual_seed(seed)
        model, clipper = Reader(layer("rnn", 2, self.hidden)), AdaptiveClipper(self.quantile)
        with torch.no_grad():
            model.layer.get_parameter("weight_hh_l0").mul_(self.radius)
        weights = [*model.layer.parameters()]
        batch = partial(recall, self.batch, self.length, torch.Generator().manual_seed(seed))
        for step in range(1, self.steps + 1):
            x, y = batch()
            loss = F.mse_loss(model(x), y)
            gradients = torch.autograd.grad(loss, weights)
            norm = float(torch.nn.utils.get_total_norm(gradients))
            clipper.remember(norm)
            before = [w.detach().clone() for w in weights]
            for way, most in zip(WAYS, (float("inf"), clipper.threshold, self.threshold), strict=True):
                with torch.no_grad():
                    for w, w_before, g in zip(weights, before, gradients, strict=True):
                        w.copy_(w_before - self.rate * min(1, most / norm) * g)
                    after = F.mse_loss(model(x), y)
                if step > self.known:
                    yield {"step": step, "clipping": way, "rise": float(after - loss.detach()), "norm": norm}

    def judge(self, rows: Sequence[Row]) -> Verdict:
        """It holds where the loss jumps without clipping, and does not with the fixed threshold."""
        none, own, fixed = (self.greatest(rows, way) for way in WAYS)
        spike = over_seeds(rows, lambda some: max(numbers(some, "norm")) / median(numbers(some, "norm")))
        because = (f"in the worst of {self.steps - self.known} steps the loss grows by {none} unclipped, {fixed} with a fixed threshold, "
                   f"{own} with one from the run's own norms; the largest norm is {spike} times the median")
        zh = (f"在 {self.steps - self.known} 步中最坏的一步，损失的上升量，不裁剪时为 {none:zh}，用固定阈值时为 {fixed:zh}，"
              f"用取自本次训练自身范数的阈值时为 {own:zh}；最大的范数是中位数的 {spike:zh} 倍")
        return Verdict(none.low >= self.jump > fixed.high, because, zh)

    def greatest(self, rows: Sequence[Row], way: str) -> Spread:
        """The greatest rise of the loss by one step of that way."""
        return over_seeds(rows, lambda some: max(numbers(some, "rise", clipping=way)))
