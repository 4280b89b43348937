"""Trackers by name, for the command line: each begins a run of its own, named by the run folder."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path

from gradwell.integrations.trackers.mlflow import MLflow
from gradwell.integrations.trackers.tensorboard import TensorBoard
from gradwell.integrations.trackers.tracker import Tracker, needed
from gradwell.integrations.trackers.trackio import Trackio
from gradwell.integrations.trackers.wandb import WandB


class Choice(StrEnum):
    """The trackers there are."""

    tensorboard = "tensorboard"
    wandb = "wandb"
    mlflow = "mlflow"
    trackio = "trackio"

    def check(self) -> None:
        """Raise DependencyError where its library is not installed."""
        needed(self.value)

    def tracker(self, folder: Path) -> Tracker:
        """One for a run folder; project, experiment and address come from the tool's own environment variables."""
        name = folder.absolute().name
        if self is Choice.tensorboard:
            return TensorBoard(folder)
        if self is Choice.wandb:
            return WandB(name=name)
        if self is Choice.mlflow:
            os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # else a server that dies is waited for for minutes
            return MLflow(name=name)
        return Trackio(os.environ.get("TRACKIO_PROJECT", "gradwell"), name=name)
