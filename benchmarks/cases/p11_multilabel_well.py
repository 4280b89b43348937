import os
import torch
import torch.nn as nn
from sklearn.datasets import make_multilabel_classification
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get('SEED', 0)))

X, Y = make_multilabel_classification(n_samples=3000, n_features=30, n_classes=8, n_labels=2, random_state=5)
X = (X - X.mean(0)) / (X.std(0) + 1e-6)
X = torch.tensor(X, dtype=torch.float32)
Y = torch.tensor(Y, dtype=torch.float32)
loader = DataLoader(TensorDataset(X[:2500], Y[:2500]), batch_size=64, shuffle=True)


class TagNet(nn.Module):
    def __init__(self, n_in, n_tags):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(n_in, 64), nn.LeakyReLU(0.1), nn.Dropout(0.1),
            nn.Linear(64, 64), nn.LeakyReLU(0.1), nn.Dropout(0.1),
        )
        self.tags = nn.Linear(64, n_tags)

    def forward(self, x):
        h = self.tags(self.body(x))
        return h


def micro_f1(scores, truth, thr):
    pred = (scores > thr).float()
    tp = (pred * truth).sum()
    return (2 * tp / (pred.sum() + truth.sum() + 1e-9)).item()


model = TagNet(30, 8)
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
for epoch in range(1, 16):
    model.train()
    tot = 0.
    for xb, yb in loader:
        optimizer.zero_grad()
        out = model(xb)
        loss = criterion(out, yb)
        loss.backward()
        optimizer.step()
        tot += loss.item() * xb.size(0)
    model.eval()
    with torch.no_grad():
        out = model(X[2500:])
        vloss = criterion(out, Y[2500:]).item()
        f1 = micro_f1(out.sigmoid(), Y[2500:], 0.5)
    print(f'{epoch:02d}  loss={tot / 2500:.4f}  val_loss={vloss:.4f}  f1={f1:.3f}')
