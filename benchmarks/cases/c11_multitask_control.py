import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get('SEED', 0)))
# one shared trunk, a regression task and a classification task, trained in turn by two optimizers
X = torch.randn(2400, 10)
Wt = torch.randn(10, 2)
r = torch.sin(X @ Wt[:, :1] * 0.5) + 0.1 * X[:, :1] * X[:, 1:2]
c = ((X @ Wt[:, 1:]).squeeze(1) + X[:, 2] ** 2 > 0.8).long()
tr, te = slice(0, 2000), slice(2000, 2400)

trunk = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
reg_head = nn.Linear(64, 1)
cls_head = nn.Linear(64, 2)
opt_shared = torch.optim.Adam(trunk.parameters(), lr=1e-3)
opt_heads = torch.optim.SGD([{'params': reg_head.parameters(), 'lr': 0.02},
                             {'params': cls_head.parameters(), 'lr': 0.05}], lr=0.01, momentum=0.9)
mse, ce = nn.MSELoss(), nn.CrossEntropyLoss()

for epoch in range(15):
    perm = torch.randperm(2000)
    for idx in perm.split(50):
        h = trunk(X[tr][idx])
        l_reg = mse(reg_head(h), r[tr][idx])
        l_cls = ce(cls_head(h), c[tr][idx])
        opt_shared.zero_grad()
        opt_heads.zero_grad()
        (l_reg + 0.5 * l_cls).backward()
        opt_shared.step()
        opt_heads.step()
    with torch.no_grad():
        h = trunk(X[te])
        v = mse(reg_head(h), r[te]).item()
        a = (cls_head(h).argmax(1) == c[te]).float().mean().item()
    print(f'epoch {epoch} reg {l_reg.item():.4f} cls {l_cls.item():.4f} | test mse {v:.4f} acc {a:.3f}')
print('regression target variance', r.var().item())
