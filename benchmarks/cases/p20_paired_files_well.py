import os
import numpy as np
import torch
from torch import nn, optim
from sklearn.datasets import make_classification

SEED = int(os.environ.get('SEED', 0))
torch.manual_seed(SEED)
np.random.seed(SEED)


def load():
    X, y = make_classification(n_samples=2600, n_features=16, n_informative=10, n_classes=3,
                               n_clusters_per_class=2, class_sep=1.6, random_state=8)
    return X.astype(np.float32), y.astype(np.int64)


def shuffle_data(X, y):
    order = np.random.permutation(len(X))
    X, y = X[order], y[order]
    return X, y


def batches(X, y, size):
    for i in range(0, len(X), size):
        yield torch.from_numpy(X[i:i + size]), torch.from_numpy(y[i:i + size])


X, y = load()
X_val, y_val = torch.from_numpy(X[2000:]), torch.from_numpy(y[2000:])
X, y = shuffle_data(X[:2000], y[:2000])

net = nn.Sequential(nn.Linear(16, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 3))
criterion = nn.CrossEntropyLoss()
optimizer = optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.01)

for epoch in range(12):
    total, right = 0.0, 0
    for xb, yb in batches(X, y, 50):
        optimizer.zero_grad()
        out = net(xb)
        loss = criterion(out, yb)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(yb)
        right += (out.argmax(1) == yb).sum().item()
    with torch.no_grad():
        out = net(X_val)
        vloss = criterion(out, y_val).item()
        vacc = (out.argmax(1) == y_val).float().mean().item()
    print(f'{epoch:2d} train loss {total / len(X):.4f} acc {right / len(X):.3f} | val loss {vloss:.4f} acc {vacc:.3f}')
