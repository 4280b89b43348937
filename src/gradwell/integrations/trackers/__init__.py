"""Findings and signals in experiment trackers: `gradwell.watch(model, track=TensorBoard("logs"))`."""

from gradwell.integrations.trackers.mlflow import MLflow
from gradwell.integrations.trackers.tensorboard import TensorBoard
from gradwell.integrations.trackers.tracker import Tracker
from gradwell.integrations.trackers.trackio import Trackio
from gradwell.integrations.trackers.wandb import WandB

__all__ = ["MLflow", "TensorBoard", "Tracker", "Trackio", "WandB"]
