"""What one training step and one validation are; lightning does the rest: devices, precision, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from gradwell.vision.augment import augmented
from gradwell.vision.batches import Batches
from gradwell.vision.needs import lightning
from gradwell.vision.options import Options

Module: Any = lightning().LightningModule


class Learner(Module):  # type: ignore[misc]
    """An image classifier in training."""

    def __init__(
        self, options: Options, model: nn.Module, batches: Batches, fingerprint: str, tell: Callable[[dict[str, float]], None],
    ) -> None:
        super().__init__()
        self.options, self.model, self.batches, self.fingerprint, self.tell = options, model, batches, fingerprint, tell
        self.history: list[dict[str, float]] = []
        self.random: Any = None  # the state of chance where a checkpoint left it
        self.sum = self.count = self.started = 0.0

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW, its rate rising on a line and then falling on half a cosine; what has one dimension does not decay."""
        weights = [p for p in self.model.parameters() if p.dim() > 1]
        others = [p for p in self.model.parameters() if p.dim() <= 1]
        groups = [{"params": weights, "weight_decay": self.options.weight_decay}, {"params": others, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, self.options.lr)
        total = self.options.epochs * len(self.batches)
        warmup = max(1, round(self.options.warmup * total))

        def rate(step: int) -> float:
            if step < warmup:
                return 0.04 + 0.96 * step / warmup
            return max(1e-4, (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, total - warmup)))) / 2)

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_train_start(self) -> None:
        """Go on with chance where the checkpoint left it."""
        if self.random is not None:
            torch.set_rng_state(self.random)

    def on_train_epoch_start(self) -> None:
        """Start the clock; each of several processes has a chance of its own, which begins anew with each epoch."""
        if self.batches.world > 1:
            torch.manual_seed((self.options.seed * 1_000_003 + self.current_epoch) * self.batches.world + self.batches.rank)
        self.sum = self.count = 0.0
        self.started = time.perf_counter()

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        """The loss of one batch."""
        x, y = batch
        value = functional.cross_entropy(self.model(augmented(x, self.options)), y, label_smoothing=self.options.label_smoothing)
        self.sum += float(value.detach()) * len(y)
        self.count += len(y)
        return value

    def on_validation_epoch_start(self) -> None:
        """Begin to count; of several processes, each with the means and variances of the first, whose model is kept."""
        if self.batches.world > 1:
            for buffer in self.model.buffers():
                torch.distributed.broadcast(buffer, 0)
        self.learned_in = time.perf_counter() - self.started
        self.valid_sum, self.right, self.seen = 0.0, 0, 0

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
        """Count what is right."""
        x, y = batch
        scores = self.model(x).float()
        self.valid_sum += float(functional.cross_entropy(scores, y, reduction="sum"))
        self.right += int((scores.argmax(1) == y).sum())
        self.seen += len(y)

    def on_validation_epoch_end(self) -> None:
        """Note the figures of the epoch."""
        figures = {
            "epoch": self.current_epoch + 1.0, "loss": self.sum / max(self.count, 1), "valid_loss": self.valid_sum / self.seen,
            "accuracy": self.right / self.seen, "seconds": self.learned_in, "images_a_second": self.count / max(self.learned_in, 1e-9),
        }
        self.history.append(figures)
        if self.trainer.is_global_zero:
            self.tell(figures)
        self.log("accuracy", figures["accuracy"], prog_bar=True, logger=False, sync_dist=True)
        quality = figures["accuracy"] - 1e-3 * figures["valid_loss"]  # of equals the surer is better
        self.log("quality", quality, logger=False, sync_dist=True)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what lightning does not: the history, the state of chance, and which batches come next."""
        checkpoint["gradwell"] = {
            "history": self.history, "random": torch.get_rng_state(), "epoch": self.batches.epoch, "options": self.options.as_dict(),
            "images": self.fingerprint, "world": self.batches.world,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take it up again."""
        saved = checkpoint["gradwell"]
        self.history, self.random, self.batches.epoch = saved["history"], saved["random"], saved["epoch"]
