import os
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.model_selection import train_test_split

torch.manual_seed(int(os.environ.get('SEED', 0)))
rng = np.random.default_rng(4)

n = 3000
salary = rng.lognormal(11.0, 0.5, n)
debt = salary * rng.beta(2, 3, n) * 2
rate = rng.uniform(0.01, 0.25, n)
late = rng.poisson(0.8, n)
util = rng.uniform(0, 1, n)
score = 14 * (rate - 0.12) + 1.1 * (late - 0.8) + 3.0 * (util - 0.5) + 2.0 * (debt / salary - 0.8) + 6 * (util - 0.5) * (late - 1)
default = (score + rng.normal(0, 0.4, n) > 0).astype('float32')
X = np.stack([salary, debt, rate, late, util], axis=1).astype('float32')

X_train, X_test, y_train, y_test = train_test_split(X, default, test_size=0.2, random_state=0)
mu, sd = X_train.mean(0), X_train.std(0)
X_train, X_test = (X_train - mu) / sd, (X_test - mu) / sd
X_train, X_test = torch.tensor(X_train), torch.tensor(X_test)
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)


class DefaultModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(5, 48)
        self.fc2 = nn.Linear(48, 48)
        self.out = nn.Linear(48, 1)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.out(x).flatten()


model = DefaultModel()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
bs = 50
for epoch in range(20):
    perm = torch.randperm(len(X_train))
    losses = []
    for i in range(0, len(perm), bs):
        rows = perm[i:i + bs]
        logits = model(X_train[rows])
        loss = F.binary_cross_entropy_with_logits(logits, y_train[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        lg = model(X_test)
        vl = F.binary_cross_entropy_with_logits(lg, y_test).item()
        acc = ((lg > 0).float() == y_test).float().mean().item()
    print(f'Epoch {epoch}: loss {np.mean(losses):.4f}, val loss {vl:.4f}, val acc {acc:.3f}')
