import os
import math
import torch
import torch.nn as nn

torch.manual_seed(int(os.environ.get('SEED', 0)))
# solve u'' = -pi^2 sin(pi x) on [-1, 1] with u(-1) = u(1) = 0; exact u = sin(pi x)


class PINN(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(1, width), nn.Tanh(),
            nn.Linear(width, width), nn.Tanh(),
            nn.Linear(width, 1),
        )

    def forward(self, x):
        return self.net(x)


def residual(model, x):
    x = x.requires_grad_(True)
    u = model(x)
    du = torch.autograd.grad(u, x, torch.ones_like(u), create_graph=True)[0]
    d2u = torch.autograd.grad(du, x, torch.ones_like(du), create_graph=True)[0]
    return d2u + math.pi ** 2 * torch.sin(math.pi * x)


model = PINN()
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=1200, eta_min=1e-5)
edge = torch.tensor([[-1.0], [1.0]])
grid = torch.linspace(-1, 1, 201).unsqueeze(1)
for it in range(1, 1201):
    pts = torch.rand(64, 1) * 2 - 1
    pde = residual(model, pts).pow(2).mean()
    bc = model(edge).pow(2).mean()
    loss = pde + 20 * bc
    opt.zero_grad()
    loss.backward()
    opt.step()
    sched.step()
    if it % 100 == 0:
        with torch.no_grad():
            err = (model(grid) - torch.sin(math.pi * grid)).abs().max().item()
        print(f'it {it} pde {pde.item():.5f} bc {bc.item():.6f} max error {err:.4f}')
