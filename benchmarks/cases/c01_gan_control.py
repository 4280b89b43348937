import os
import torch
import torch.nn as nn

torch.manual_seed(int(os.environ.get('SEED', 0)))


def real_samples(n):
    """Points on a ring of radius 1 with a little noise."""
    a = torch.rand(n) * 6.2832
    return torch.stack([a.cos(), a.sin()], 1) + 0.05 * torch.randn(n, 2)


ZDIM = 8
G = nn.Sequential(nn.Linear(ZDIM, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
D = nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
opt_g = torch.optim.Adam(G.parameters(), lr=5e-4, betas=(0.5, 0.99))
opt_d = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.5, 0.99))
bce = nn.BCEWithLogitsLoss()
B = 128
ones, zeros = torch.ones(B, 1), torch.zeros(B, 1)

for step in range(1, 1201):
    # discriminator
    real = real_samples(B)
    fake = G(torch.randn(B, ZDIM)).detach()
    d_loss = bce(D(real), ones) + bce(D(fake), zeros)
    opt_d.zero_grad()
    d_loss.backward()
    opt_d.step()

    # generator
    g_loss = bce(D(G(torch.randn(B, ZDIM))), ones)
    opt_g.zero_grad()
    g_loss.backward()
    opt_g.step()

    if step % 100 == 0:
        with torch.no_grad():
            s = G(torch.randn(1000, ZDIM))
            r = s.norm(dim=1)
            ang = torch.atan2(s[:, 1], s[:, 0])
            cover = (torch.histc(ang, 16, -3.1416, 3.1416) > 5).float().mean()
        print(f'step {step} D {d_loss.item():.3f} G {g_loss.item():.3f} '
              f'radius {r.mean():.3f}+-{r.std():.3f} coverage {cover:.2f}')
