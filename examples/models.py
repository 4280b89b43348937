"""Three models to be looked into: gradwell inspect examples/models.py:lenet --input 1x28x28"""

import torch
from torch import nn


def lenet() -> nn.Module:
    """LeCun et al. 1998, with ReLU and max pooling."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))


class bottleneck(nn.Module):  # noqa: N801 - named as the others
    """One residual block of ResNet-50 (He et al. 2016)."""

    def __init__(self) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(256, 64, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(64)
        self.conv = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(64)
        self.expand = nn.Conv2d(64, 256, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(256)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.norm1(self.reduce(x)))
        y = torch.relu(self.norm2(self.conv(y)))
        return torch.relu(self.norm3(self.expand(y)) + x)


class classifier(nn.Module):  # noqa: N801
    """A sentence of word numbers to one of two classes."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(1000, 32)
        self.lstm = nn.LSTM(32, 64, batch_first=True)
        self.head = nn.Linear(64, 2)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        outputs, _ = self.lstm(self.embedding(words))
        answer: torch.Tensor = self.head(outputs[:, -1])
        return answer
