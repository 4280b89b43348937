import os
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_friedman1

torch.manual_seed(int(os.environ.get('SEED', 0)))

X, y = make_friedman1(n_samples=2500, n_features=8, noise=0.3, random_state=3)
X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
y = torch.tensor((y - y.mean()) / y.std(), dtype=torch.float32).view(-1, 1)
Xtr, ytr, Xva, yva = X[:2000], y[:2000], X[2000:], y[2000:]

model = nn.Sequential(
    nn.Linear(8, 128),
    nn.ReLU(),
    nn.Linear(128, 128),
    nn.ReLU(),
    nn.Linear(128, 1),
)
lr = 0.02
optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)


def evaluate():
    with torch.no_grad():
        return F.mse_loss(model(Xva), yva).item()


print('initial val mse', evaluate())
steps = 1000
for it in range(1, steps + 1):
    ix = torch.randint(0, len(Xtr), (64,))
    xb, yb = Xtr[ix], ytr[ix]
    loss = F.mse_loss(model(xb), yb)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    if it % 100 == 0 or it <= 5:
        print(f'iter {it:4d}: train mse {loss.item():.4f}  val mse {evaluate():.4f}')
