import os
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(int(os.environ.get('SEED', 0)))

d = load_digits()
X = torch.tensor(d.data / 16.0, dtype=torch.float32)
Y = torch.tensor(d.target)
src = Y < 7
Xs, Ys = X[src], Y[src]
Xt, Yt = X[~src], Y[~src] - 7
perm = torch.randperm(len(Xt))
Xt, Yt = Xt[perm], Yt[perm]

backbone = nn.Sequential(nn.Linear(64, 96), nn.BatchNorm1d(96), nn.ReLU(), nn.Linear(96, 48), nn.ReLU())


def fit(params, forward, x, y, steps, lr):
    opt = torch.optim.Adam(params, lr=lr)
    for s in range(1, steps + 1):
        i = torch.randint(0, len(x), (48,))
        loss = F.cross_entropy(forward(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
        if s % 100 == 0:
            print(f'  step {s} loss {loss.item():.4f}')


print('pretraining on classes 0-6')
head_a = nn.Linear(48, 7)
fit(list(backbone.parameters()) + list(head_a.parameters()), lambda z: head_a(backbone(z)), Xs, Ys, 300, 2e-3)

print('fine-tuning a new head on classes 7-9')
for prm in backbone.parameters():
    prm.requires_grad = False
backbone.eval()
head_b = nn.Sequential(nn.Linear(48, 32), nn.ReLU(), nn.Linear(32, 3))
model = nn.Sequential(backbone, head_b)
fit(filter(lambda q: q.requires_grad, model.parameters()), model, Xt[:350], Yt[:350], 500, 2e-3)
with torch.no_grad():
    acc = (model(Xt[350:]).argmax(1) == Yt[350:]).float().mean().item()
print(f'held-out accuracy on new classes {acc:.3f}')
