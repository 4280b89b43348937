"""The batches of each epoch, in an order that the seed decides."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from gradwell.errors import OptionError
from gradwell.vision.images import Images


class Batches:
    """Pixels (batch, channels, height, width) from 0 to 255 and classes (batch,); what does not fill a batch waits for another epoch.

    Of several processes each takes batches of `size` of its own, as many as any other.
    """

    def __init__(self, images: Images, size: int, seed: int, shuffle: bool = True) -> None:
        self.images, self.size, self.seed, self.shuffle = images, size, seed, shuffle
        self.epoch = -1  # which is under way
        self.rank, self.world = 0, 1

    def share(self, rank: int, world: int) -> None:
        """Be one of so many processes. Raises OptionError when there are not two images for each of them."""
        self.rank, self.world = rank, world
        self.size = min(self.size, len(self.images) // world)
        if self.size < 2:
            raise OptionError(f"{len(self.images)} images cannot be dealt out to {world} processes; there must be two or more for each")

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
