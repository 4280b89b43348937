import os
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get('SEED', 0)))

d = load_digits()
images = (d.images / 8.0 - 1.0).astype('float32')[:, None]
target = d.target
test_mask = np.arange(len(target)) % 5 == 0

# the files come one folder per class
train_images, train_target = [], []
for c in range(10):
    pick = (target == c) & ~test_mask
    train_images.append(images[pick])
    train_target.append(target[pick])
train_images = torch.from_numpy(np.concatenate(train_images))
train_target = torch.from_numpy(np.concatenate(train_target)).long()
test_images = torch.from_numpy(images[test_mask])
test_target = torch.from_numpy(target[test_mask]).long()

loader = DataLoader(TensorDataset(train_images, train_target), batch_size=32)


class SmallCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        )
        self.fc = nn.Sequential(nn.Flatten(), nn.Linear(32 * 16, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, x):
        return self.fc(self.conv(x))


net = SmallCNN()
optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
criterion = nn.CrossEntropyLoss()
for epoch in range(8):
    net.train()
    for i, (xb, yb) in enumerate(loader):
        optimizer.zero_grad()
        loss = criterion(net(xb), yb)
        loss.backward()
        optimizer.step()
        if i % 15 == 0:
            print(f'  epoch {epoch} batch {i} loss {loss.item():.4f}')
    net.eval()
    with torch.no_grad():
        out = net(test_images)
    print(f'epoch {epoch} test loss {criterion(out, test_target):.4f} '
          f'acc {(out.argmax(1) == test_target).float().mean():.3f}')
