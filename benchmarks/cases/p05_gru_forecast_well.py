import os
import numpy as np
import torch
import torch.nn as nn

torch.manual_seed(int(os.environ.get('SEED', 0)))
rng = np.random.RandomState(7)

# two mixed sine waves with noise; predict the next value from the last 20
t = np.arange(3000)
series = np.sin(t * 0.17) + 0.5 * np.sin(t * 0.053 + 1.0) + 0.05 * rng.randn(3000)
W = 20
windows = np.stack([series[i:i + W] for i in range(len(series) - W)])
target = series[W:]
x = torch.tensor(windows, dtype=torch.float32).unsqueeze(-1)
y = torch.tensor(target, dtype=torch.float32).unsqueeze(-1)
split = 2400
x_tr, y_tr, x_va, y_va = x[:split], y[:split], x[split:], y[split:]


class Forecaster(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.lin = nn.Linear(hidden, 1)

    def forward(self, seq):
        out, _ = self.gru(seq)
        return self.lin(out[:, -1])


model = Forecaster()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.MSELoss()

bs = 64
for epoch in range(12):
    model.train()
    losses = []
    perm = torch.randperm(split)
    for k in range(0, split, bs):
        j = perm[k:k + bs]
        optimizer.zero_grad()
        prediction = model(x_tr[j])
        loss = criterion(prediction, y_tr[j])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        val = criterion(model(x_va), y_va).item()
    print(f'Epoch {epoch + 1}/12 - loss: {np.mean(losses):.4f} - val_loss: {val:.4f}')
