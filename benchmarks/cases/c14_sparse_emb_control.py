import os
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(int(os.environ.get('SEED', 0)))
# matrix factorisation with sparse embeddings; many ids are rare (power-law)
U, I, K = 300, 400, 6
tu, ti = torch.randn(U, K) * 0.6, torch.randn(I, K) * 0.6
pop_u = 1.0 / torch.arange(1, U + 1).float() ** 0.7
pop_i = 1.0 / torch.arange(1, I + 1).float() ** 0.7
n = 30000
u = torch.multinomial(pop_u, n, replacement=True)
i = torch.multinomial(pop_i, n, replacement=True)
rating = 3 + (tu[u] * ti[i]).sum(1) + 0.2 * torch.randn(n)
cut = 27000


class MF(nn.Module):
    def __init__(self, dim=8):
        super().__init__()
        self.user = nn.Embedding(U, dim, sparse=True)
        self.item = nn.Embedding(I, dim, sparse=True)
        nn.init.normal_(self.user.weight, std=0.3)
        nn.init.normal_(self.item.weight, std=0.3)
        self.mean = nn.Parameter(torch.zeros(1))

    def forward(self, a, b):
        return self.mean + (self.user(a) * self.item(b)).sum(-1)


model = MF()
sparse_opt = torch.optim.SparseAdam([model.user.weight, model.item.weight], lr=5e-3)
dense_opt = torch.optim.Adam([model.mean], lr=3e-2)
for epoch in range(6):
    tot = 0.0
    parts = torch.randperm(cut).split(200)
    for idx in parts:
        loss = F.mse_loss(model(u[idx], i[idx]), rating[idx])
        sparse_opt.zero_grad()
        dense_opt.zero_grad()
        loss.backward()
        sparse_opt.step()
        dense_opt.step()
        tot += loss.item()
    with torch.no_grad():
        val = F.mse_loss(model(u[cut:], i[cut:]), rating[cut:]).item()
    print(f'epoch {epoch} train {tot / len(parts):.4f} val {val:.4f} (rating variance {rating.var():.3f})')
