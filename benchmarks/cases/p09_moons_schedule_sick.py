import os
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import make_moons

torch.manual_seed(int(os.environ.get('SEED', 0)))


class Trainer:
    def __init__(self, model, train_loader, val_data, epochs=25):
        self.model = model
        self.train_loader = train_loader
        self.val_data = val_data
        self.epochs = epochs
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)
        self.scheduler = torch.optim.lr_scheduler.ExponentialLR(self.optimizer, gamma=0.9)
        self.loss = nn.BCEWithLogitsLoss()

    def run_epoch(self):
        self.model.train()
        total = 0.0
        for xb, yb in self.train_loader:
            self.optimizer.zero_grad()
            loss = self.loss(self.model(xb).squeeze(1), yb)
            loss.backward()
            self.optimizer.step()
            self.scheduler.step()
            total += loss.item()
        return total / len(self.train_loader)

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        x, y = self.val_data
        logit = self.model(x).squeeze(1)
        return self.loss(logit, y).item(), ((logit > 0).float() == y).float().mean().item()

    def fit(self):
        for e in range(self.epochs):
            tr = self.run_epoch()
            vl, va = self.validate()
            print(f'epoch {e:02d} train {tr:.4f} val {vl:.4f} acc {va:.3f}')


x, y = make_moons(n_samples=2400, noise=0.15, random_state=0)
x = torch.tensor(x, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32)
train_loader = DataLoader(TensorDataset(x[:2000], y[:2000]), batch_size=50, shuffle=True)
mlp = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
Trainer(mlp, train_loader, (x[2000:], y[2000:])).fit()
