import os
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get('SEED', 0)))

# normal operation, warnings and failures, with the usual imbalance
X, y = make_classification(n_samples=4000, n_features=14, n_informative=8, n_classes=3,
                           n_clusters_per_class=1, weights=[0.74, 0.18, 0.08], class_sep=0.45, flip_y=0.06, random_state=13)
Xa, Xb, ya, yb = train_test_split(X.astype('float32'), y, test_size=0.1, stratify=y, random_state=0)
train_loader = DataLoader(TensorDataset(torch.from_numpy(Xa), torch.from_numpy(ya)), batch_size=60, shuffle=True)
test_loader = DataLoader(TensorDataset(torch.from_numpy(Xb), torch.from_numpy(yb)), batch_size=1)  # events arrive one by one


class EventNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(14, 48)
        self.norm = nn.LayerNorm(48)
        self.mid = nn.Linear(48, 24)
        self.out = nn.Linear(24, 3)
        self.log_prob = nn.LogSoftmax(dim=0)

    def forward(self, x):
        x = F.relu(self.norm(self.inp(x)))
        x = F.relu(self.mid(x))
        return self.log_prob(self.out(x))


def evaluate(net):
    net.eval()
    loss = right = n = 0
    with torch.no_grad():
        for x, t in test_loader:
            lp = net(x)
            loss += F.nll_loss(lp, t, reduction='sum').item()
            right += (lp.argmax(dim=1) == t).sum().item()
            n += len(t)
    return loss / n, right / n


net = EventNet()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(12):
    net.train()
    running = 0.0
    for x, t in train_loader:
        opt.zero_grad()
        loss = F.nll_loss(net(x), t)
        loss.backward()
        opt.step()
        running += loss.item()
    tl, ta = evaluate(net)
    print(f'epoch {epoch:2d} train nll {running / len(train_loader):.4f} test nll {tl:.4f} test acc {ta:.3f}')
