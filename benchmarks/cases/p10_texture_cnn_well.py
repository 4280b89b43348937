import os
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(int(os.environ.get('SEED', 0)))


class Gratings(Dataset):
    """Noisy oriented gratings, 20 classes = 10 orientations x 2 frequencies."""

    def __init__(self, n):
        g = torch.arange(16).float()
        yy, xx = torch.meshgrid(g, g, indexing='ij')
        self.y = torch.randint(0, 20, (n,))
        theta = (self.y % 10).float() * math.pi / 10
        freq = torch.where(self.y < 10, 0.8, 1.5)
        phase = torch.rand(n) * 2 * math.pi
        proj = xx[None] * theta.cos()[:, None, None] + yy[None] * theta.sin()[:, None, None]
        self.x = torch.sin(freq[:, None, None] * proj + phase[:, None, None])
        self.x = (self.x + 0.3 * torch.randn(n, 16, 16)).unsqueeze(1)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class CNN(nn.Module):
    def __init__(self, n_classes=20):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 5, padding=2)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(32)
        self.fc = nn.Linear(32 * 4 * 4, n_classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        x = self.fc(x.flatten(1))
        return x


train_dl = DataLoader(Gratings(1600), batch_size=64, shuffle=True)
test_dl = DataLoader(Gratings(400), batch_size=200)
model = CNN()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
criterion = nn.CrossEntropyLoss()
for epoch in range(10):
    model.train()
    tl = 0.0
    for x, y in train_dl:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        tl += loss.item() / len(train_dl)
    model.eval()
    correct = 0
    with torch.no_grad():
        for x, y in test_dl:
            correct += (model(x).argmax(1) == y).sum().item()
    print('Epoch: {} \tTraining Loss: {:.4f} \tTest Accuracy: {:.2%}'.format(epoch + 1, tl, correct / 400))
