"""The batches of each epoch, in an order that the seed decides."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from gradwell.vision.images import Images


class Batches:
    """Pixels (batch, channels, height, width) from 0 to 255 and classes (batch,); what does not fill a batch waits for another epoch."""

    def __init__(self, images: Images, size: int, seed: int, shuffle: bool = True) -> None:
        self.images, self.size, self.seed, self.shuffle = images, size, seed, shuffle
        self.epoch = -1  # which is under way
        self.rank, self.world = 0, 1  # which of several processes this is: each takes its share of the batches

    def __len__(self) -> int:
        if not self.shuffle:
            return -(-len(self.images) // self.size)
        return max(1, len(self.images) // self.size // self.world)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        self.epoch += 1
        count = len(self.images)
        random = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = torch.randperm(count, generator=random) if self.shuffle else torch.arange(count)
        for i in range(len(self)):
            first = (i * self.world + self.rank) * self.size
            piece = order[first : first + self.size].numpy()
            yield torch.from_numpy(self.images.pixels[piece]), torch.from_numpy(self.images.labels[piece])
