import os
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader

torch.manual_seed(int(os.environ.get('SEED', 0)))
rs = np.random.RandomState(2)


def sensors(n, steps=25):
    """Three-channel recordings of four machine states."""
    t = np.linspace(0, 1, steps)
    state = rs.randint(0, 4, n)
    f = np.array([2.0, 3.0, 2.0, 3.0])[state][:, None]
    ph = rs.rand(n, 1) * 6.28
    up = np.array([1.0, 1.0, -1.0, -1.0])[state][:, None]
    a = np.sin(2 * np.pi * f * t + ph)
    b = np.cos(2 * np.pi * f * t + ph)
    c = up * (t - 0.5)
    x = np.stack([a, b, c], axis=2) + 0.3 * rs.randn(n, steps, 3)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(state)


class SensorNet(nn.Module):
    def __init__(self, n_features=3, hidden=32, classes=4):
        super().__init__()
        self.lstm = nn.LSTM(n_features, hidden, num_layers=1)
        self.classifier = nn.Linear(hidden, classes)

    def forward(self, x):
        # x: (batch, time, features)
        out, _ = self.lstm(x)
        return self.classifier(out[:, -1, :])


x, y = sensors(1600)
xv, yv = sensors(400)
loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
model = SensorNet()
opt = torch.optim.Adam(model.parameters(), lr=4e-3)
lossfn = nn.CrossEntropyLoss()

history = {'loss': [], 'val_acc': []}
for epoch in range(10):
    ep = []
    for xb, yb in loader:
        opt.zero_grad()
        loss = lossfn(model(xb), yb)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        ep.append(loss.item())
    with torch.no_grad():
        pred = model(xv).argmax(dim=1)
    history['loss'].append(float(np.mean(ep)))
    history['val_acc'].append((pred == yv).float().mean().item())
    print(f"epoch {epoch + 1}: loss={history['loss'][-1]:.4f} val_acc={history['val_acc'][-1]:.4f}")
