import os
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset, DataLoader, random_split

torch.manual_seed(int(os.environ.get('SEED', 0)))
device = torch.device('cpu')

config = dict(
    epochs=10,
    batch_size=48,
    lr=0.002,
    weight_decay=1.0,
)


def loaders():
    d = load_digits()
    x = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1).div(16).sub(0.3)
    ds = TensorDataset(x, torch.tensor(d.target))
    tr, va = random_split(ds, [1437, 360])
    return (DataLoader(tr, batch_size=config['batch_size'], shuffle=True),
            DataLoader(va, batch_size=360))


def build():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10),
    ).to(device)


def train_one_epoch(model, loader, optimizer, criterion):
    model.train()
    s = n = 0
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        s += loss.item() * len(y)
        n += len(y)
    return s / n


def evaluate(model, loader):
    model.eval()
    hits = n = 0
    with torch.no_grad():
        for x, y in loader:
            hits += (model(x.to(device)).argmax(1).cpu() == y).sum().item()
            n += len(y)
    return hits / n


if __name__ == '__main__':
    train_loader, val_loader = loaders()
    model = build()
    optimizer = torch.optim.Adam(model.parameters(), lr=config['lr'], weight_decay=config['weight_decay'])
    criterion = nn.CrossEntropyLoss()
    for epoch in range(config['epochs']):
        tl = train_one_epoch(model, train_loader, optimizer, criterion)
        print(f'epoch {epoch + 1:02d} loss {tl:.4f} val_acc {evaluate(model, val_loader):.4f}')
