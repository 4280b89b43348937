import os
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_classification
from sklearn.preprocessing import StandardScaler

torch.manual_seed(int(os.environ.get('SEED', 0)))

X, y = make_classification(n_samples=4000, n_features=40, n_informative=12, n_redundant=0, n_classes=2,
                           n_clusters_per_class=3, flip_y=0.05, class_sep=1.2, random_state=21)
X = torch.tensor(StandardScaler().fit_transform(X), dtype=torch.float32)
y = torch.tensor(y)

n_train = 60
x_train, y_train = X[:n_train], y[:n_train]
x_val, y_val = X[3000:], y[3000:]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(40, 128)
        self.b = nn.Linear(128, 128)
        self.c = nn.Linear(128, 2)

    def forward(self, x):
        x = F.relu(self.a(x))
        x = F.relu(self.b(x))
        return self.c(x)


model = Net()
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
batch_size = 20
epochs = 150
for epoch in range(1, epochs + 1):
    model.train()
    perm = torch.randperm(n_train)
    tot = 0.0
    for idx in perm.split(batch_size):
        loss = F.cross_entropy(model(x_train[idx]), y_train[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        tot += loss.item() * len(idx)
    model.eval()
    with torch.no_grad():
        out = model(x_val)
        val_loss = F.cross_entropy(out, y_val).item()
        val_acc = (out.argmax(1) == y_val).float().mean().item()
    print(f'epoch {epoch} train_loss {tot / n_train:.4f} val_loss {val_loss:.4f} val_acc {val_acc:.4f}')
