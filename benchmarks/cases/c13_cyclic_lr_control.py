import os
import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get('SEED', 0)))
X, y = make_classification(3000, 24, n_informative=14, n_classes=5, n_clusters_per_class=1,
                           class_sep=1.6, random_state=6)
X = torch.tensor((X - X.mean(0)) / X.std(0)).float()
y = torch.tensor(y)
dl = DataLoader(TensorDataset(X[:2400], y[:2400]), batch_size=60, shuffle=True)
net = nn.Sequential(nn.Linear(24, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 5))
opt = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9)
sched = torch.optim.lr_scheduler.CyclicLR(opt, base_lr=1e-4, max_lr=0.1, step_size_up=60, mode='triangular2')
ce = nn.CrossEntropyLoss()
for epoch in range(12):
    net.train()
    s = 0.0
    for xb, yb in dl:
        opt.zero_grad()
        loss = ce(net(xb), yb)
        loss.backward()
        opt.step()
        sched.step()
        s += loss.item()
    net.eval()
    with torch.no_grad():
        o = net(X[2400:])
    print(f'epoch {epoch} lr {sched.get_last_lr()[0]:.5f} train {s / len(dl):.4f} '
          f'val {ce(o, y[2400:]):.4f} acc {(o.argmax(1) == y[2400:]).float().mean():.3f}')
