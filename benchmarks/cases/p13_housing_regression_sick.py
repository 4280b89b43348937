import os
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from sklearn.preprocessing import StandardScaler

torch.manual_seed(int(os.environ.get('SEED', 0)))
rng = np.random.default_rng(11)


def housing(n=3000):
    income = rng.gamma(4.0, 1.0, n)
    rooms = rng.normal(5.5, 1.2, n)
    age = rng.uniform(1, 52, n)
    lat = rng.uniform(32, 42, n)
    lon = rng.uniform(-124, -114, n)
    coast = np.exp(-np.abs((lon + 124) - 0.8 * (42 - lat)) / 2.0)
    price = 0.42 * income + 0.12 * rooms - 0.006 * age + 1.6 * coast + 0.1 * income * coast
    price = price + rng.normal(0, 0.15, n)
    return np.stack([income, rooms, age, lat, lon], 1), price


class HouseData(Dataset):
    def __init__(self, x, y):
        self.x = torch.tensor(x, dtype=torch.float32)
        self.y = torch.tensor(y, dtype=torch.float32)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


X, y = housing()
X = StandardScaler().fit_transform(X)
train_dl = DataLoader(HouseData(X[:2400], y[:2400]), batch_size=64, shuffle=True)
val_dl = DataLoader(HouseData(X[2400:], y[2400:]), batch_size=600)

model = nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.AdamW(model.parameters(), lr=2e-3)
loss_fn = nn.MSELoss()

for epoch in range(20):
    model.train()
    train_loss = 0.0
    for xb, yb in train_dl:
        opt.zero_grad()
        pred = model(xb)
        loss = loss_fn(pred, yb)
        loss.backward()
        opt.step()
        train_loss += loss.item()
    model.eval()
    with torch.no_grad():
        xv, yv = next(iter(val_dl))
        pv = model(xv).view(-1)
        rmse = (pv - yv).pow(2).mean().sqrt().item()
        r2 = 1 - ((pv - yv).pow(2).sum() / (yv - yv.mean()).pow(2).sum()).item()
    print(f'epoch {epoch:2d} train {train_loss / len(train_dl):.4f} val rmse {rmse:.4f} r2 {r2:.3f}')
