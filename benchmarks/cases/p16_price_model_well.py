import os
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get('SEED', 0)))


def make_flats(n):
    area = torch.rand(n) * 120 + 30
    floor = torch.randint(1, 15, (n,)).float()
    dist = torch.rand(n) * 20
    year = torch.randint(1950, 2021, (n,)).float()
    price = 1800 * area * torch.exp(-dist / 15) + 1500 * floor + 300 * (year - 1950) + 4000 * torch.randn(n)
    feats = torch.stack([area, floor, dist, year], dim=1)
    return feats, price.unsqueeze(1)


X, y = make_flats(2500)
X = (X - X.mean(0)) / X.std(0)
y_mean, y_std = y.mean(), y.std()
y = (y - y_mean) / y_std
train_loader = DataLoader(TensorDataset(X[:2000], y[:2000]), batch_size=64, shuffle=True)
X_val, y_val = X[2000:], y[2000:]


class PriceNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = nn.Linear(4, 64)
        self.l2 = nn.Linear(64, 64)
        self.l3 = nn.Linear(64, 1)
        self.act = nn.ELU()

    def forward(self, x):
        return self.l3(self.act(self.l2(self.act(self.l1(x)))))


def train(model, epochs=25, lr=1e-3):
    opt = torch.optim.Adam(model.parameters(), lr=lr)
    mse = nn.MSELoss()
    for epoch in range(epochs):
        model.train()
        acc = 0.0
        for xb, yb in train_loader:
            opt.zero_grad()
            loss = mse(model(xb), yb)
            loss.backward()
            opt.step()
            acc += loss.item()
        model.eval()
        with torch.no_grad():
            pv = model(X_val)
            val = mse(pv, y_val)
            r2 = 1 - (val / y_val.var(unbiased=False)).item()
        print(f'epoch {epoch + 1:3d}  train {acc / len(train_loader):.5g}  val {val.item():.5g}  R2 {r2:.4f}')


train(PriceNet())
