"""What one training step and one validation are; lightning does the rest: devices, precision, clipping, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gradwell.translate.alignment import rounded
from gradwell.translate.batches import Batch, Batches
from gradwell.translate.forced import forced
from gradwell.translate.greedy import greedy
from gradwell.translate.model import EncoderDecoder, loss
from gradwell.translate.needs import lightning
from gradwell.translate.options import NONE, Options
from gradwell.translate.pairs import Pairs
from gradwell.translate.scoring import bleu
from gradwell.translate.vocabulary import PAD, Vocabulary

AT_ONCE = 256  # sentences that are translated together
LOOKED_AT = 5  # validation sentences whose alignment is kept at each epoch
Rows = tuple[list[list[int]], list[list[int]]]  # sources and targets as numbers

Module: Any = lightning().LightningModule


class Learner(Module):  # type: ignore[misc]
    """A translator in training."""

    def __init__(
        self, options: Options, model: EncoderDecoder, target: Vocabulary, valid: Pairs, valid_rows: Rows, batches: Batches,
        tell: Callable[[dict[str, float]], None],
    ) -> None:
        super().__init__()
        self.options, self.model, self.target = options, model, target
        self.valid_source, self.valid_target = valid_rows[0], valid.target
        self.batches, self.tell = batches, tell
        self.history: list[dict[str, float]] = []
        self.alignments: list[list[list[list[float]]]] = []  # of each epoch, for each sentence that is looked at, the weights
        self.looked_at = valid_rows[0][:LOOKED_AT], valid_rows[1][:LOOKED_AT]
        self.random: Any = None  # the state of chance where a checkpoint left it
        self.sum = self.count = 0.0
        self.started = 0.0

    def configure_optimizers(self) -> dict[str, Any]:
        """Adam, its rate rising through `warmup` steps and then falling on half a cosine."""
        optimizer = torch.optim.Adam(self.model.parameters(), self.options.lr, betas=(0.9, 0.98))
        total = self.options.epochs * self.batches.turns * len(self.batches)
        warmup = min(self.options.warmup, total // 4)

        def rate(step: int) -> float:
            if step < warmup:
                return (step + 1) / warmup
            return 0.02 + 0.98 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, total - warmup)))) / 2

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:  # noqa: ARG002
        """Batches move themselves; what validation is given stays."""
        return batch.to(device) if isinstance(batch, Batch) else batch

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

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """The loss of one batch."""
        progress = self.current_epoch / max(self.options.epochs * self.batches.turns - 1, 1)
        logits, _ = self.model(batch, progress * (1 - self.options.teacher_forcing))
        value = loss(logits, batch.wanted, self.options.label_smoothing)
        tokens = float((batch.wanted != PAD).sum())
        self.sum += float(value.detach()) * tokens
        self.count += tokens
        self.log("loss", value.detach(), prog_bar=True, logger=False)
        return value

    def validation_step(self, batch: Batch, _: int) -> None:
        """Collect the loss on true targets."""
        logits, _ = self.model(batch)
        tokens = int((batch.wanted != PAD).sum())
        self.valid_sum += float(loss(logits.float(), batch.wanted)) * tokens
        self.valid_count += tokens

    def on_validation_epoch_start(self) -> None:
        """Begin to count."""
        self.valid_sum, self.valid_count = 0.0, 0

    def on_validation_epoch_end(self) -> None:
        """Translate the validation sentences and note the figures of the epoch."""
        said = self.translations()
        figures = {
            "epoch": (self.current_epoch + 1) / self.batches.turns, "loss": self.sum / max(self.count, 1),
            "valid_loss": self.valid_sum / max(self.valid_count, 1), "bleu": bleu(said, self.valid_target, short=True).score,
            "seconds": time.perf_counter() - self.started,
        }
        self.history.append(figures)
        if self.options.attention != NONE:
            self.alignments.append([rounded(one.weights) for one in forced(self.model, *self.looked_at)])
        if self.trainer.is_global_zero:
            self.tell(figures)
        self.log("bleu", figures["bleu"], prog_bar=True, logger=False, sync_dist=True)
        self.log("quality", figures["bleu"] - 0.01 * figures["valid_loss"], logger=False, sync_dist=True)  # of equals the surer is better

    def translations(self) -> list[str]:
        """The validation sentences, translated greedily."""
        self.model.eval()
        order = sorted(range(len(self.valid_source)), key=lambda i: len(self.valid_source[i]))
        said = [""] * len(order)
        for first in range(0, len(order), AT_ONCE):
            some = order[first : first + AT_ONCE]
            for i, found in zip(some, greedy(self.model, [self.valid_source[i] for i in some]), strict=True):
                said[i] = self.target.decode(found.ids)
        return said

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what lightning does not: the history, the state of chance, and which batches come next."""
        checkpoint["gradwell"] = {
            "history": self.history, "alignments": self.alignments, "random": torch.get_rng_state(),
            "turn": self.batches.turn, "options": self.options.as_dict(), "world": self.batches.world,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take it up again."""
        saved = checkpoint["gradwell"]
        self.history, self.alignments = saved["history"], saved["alignments"]
        self.random, self.batches.turn = saved["random"], saved["turn"]
