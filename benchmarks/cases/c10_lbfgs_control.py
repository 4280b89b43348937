import os
import torch
import torch.nn as nn

torch.manual_seed(int(os.environ.get('SEED', 0)))
torch.set_default_dtype(torch.float64)

x = torch.linspace(-3, 3, 300).unsqueeze(1)
y = torch.sin(2 * x) + 0.3 * x ** 2 + 0.05 * torch.randn_like(x)
xv = torch.rand(100, 1) * 6 - 3
yv = torch.sin(2 * xv) + 0.3 * xv ** 2

net = nn.Sequential(nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 1))
opt = torch.optim.LBFGS(net.parameters(), lr=0.8, max_iter=10, history_size=20, line_search_fn='strong_wolfe')
mse = nn.MSELoss()


def closure():
    opt.zero_grad()
    loss = mse(net(x), y)
    loss.backward()
    return loss


for it in range(60):
    loss = opt.step(closure)
    if it % 5 == 0 or it == 59:
        with torch.no_grad():
            print(f'outer {it} train {loss.item():.6f} val {mse(net(xv), yv).item():.6f}')
print('noise floor', 0.05 ** 2)
