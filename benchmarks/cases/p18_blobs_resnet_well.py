import os
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get('SEED', 0)))


def synth(n):
    # one or several bright blobs on a bright, uneven background; count them (1..4)
    y = torch.randint(0, 4, (n,))
    g = torch.arange(16).float()
    yy, xx = torch.meshgrid(g, g, indexing='ij')
    imgs = 2.0 + 0.3 * torch.randn(n, 1, 16, 16) + torch.rand(n, 1, 1, 1)
    for i in range(n):
        cells = torch.randperm(9)[:y[i] + 1]
        for c in cells.tolist():
            cy, cx = 3 + 5 * (c // 3), 3 + 5 * (c % 3)
            imgs[i, 0] += 2.0 * torch.exp(-((yy - cy) ** 2 + (xx - cx) ** 2) / 3.0)
    return imgs, y


def block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


model = nn.Sequential(
    block(1, 12), block(12, 12), nn.MaxPool2d(2),
    block(12, 24), block(24, 24), nn.MaxPool2d(2),
    block(24, 32), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    nn.Dropout(0.2), nn.Linear(32, 4),
)
xtr, ytr = synth(1200)
xva, yva = synth(300)
train_loader = DataLoader(TensorDataset(xtr, ytr), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(xva, yva), batch_size=100)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)


def validate():
    model.eval()
    loss, hit = 0.0, 0
    with torch.no_grad():
        for x, y in val_loader:
            o = model(x)
            loss += criterion(o, y).item() * len(y)
            hit += (o.argmax(1) == y).sum().item()
    return loss / len(yva), hit / len(yva)


print('before training: val loss %.3f acc %.3f' % validate())
for epoch in range(10):
    model.train()
    total = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(y)
    vl, va = validate()
    print(f'epoch {epoch} train {total / len(ytr):.4f} val {vl:.4f} acc {va:.3f}')
