import os
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(int(os.environ.get('SEED', 0)))

digits = load_digits()
imgs = torch.tensor(digits.images / 16.0, dtype=torch.float32).unsqueeze(1)
labels = torch.tensor(digits.target)
perm = torch.randperm(len(labels))
imgs, labels = imgs[perm], labels[perm]
train_x, train_y = imgs[:1400], labels[:1400]
test_x, test_y = imgs[1400:], labels[1400:]


class PrototypeNet(nn.Module):
    """Classifies by the squared distance to a learned prototype of each class."""

    def __init__(self, dim=128):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(16 * 16, dim),
        )
        self.proto = nn.Parameter(torch.randn(10, dim))

    def forward(self, x):
        z = self.features(x)
        return -(z.unsqueeze(1) - self.proto).pow(2).sum(-1)


def criterion(logits, target):
    logp = F.log_softmax(logits, dim=1)
    return -logp[torch.arange(len(target)), target].mean()


model = PrototypeNet()
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(12):
    order = torch.randperm(len(train_x))
    total, nb = 0.0, 0
    for idx in order.split(32):
        loss = criterion(model(train_x[idx]), train_y[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item()
        nb += 1
    with torch.no_grad():
        acc = (model(test_x).argmax(1) == test_y).float().mean().item()
    print('epoch', epoch, 'loss', round(total / nb, 4), 'acc', round(acc, 4))
