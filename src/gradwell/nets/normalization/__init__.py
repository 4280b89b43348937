"""Normalisation laid open: `statistics` shows what every batch, layer, group, instance and RMS norm takes of a batch, and what it keeps."""

from gradwell.nets.normalization.normalized import Normalized, Statistics
from gradwell.nets.normalization.statistics import statistics

__all__ = ["Normalized", "Statistics", "statistics"]
