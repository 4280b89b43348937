import os
import math
import torch
from torch import nn

torch.manual_seed(int(os.environ.get('SEED', 0)))

# fit a bumpy 2-d surface
n = 2000
pts = torch.rand(n, 2) * 4 - 2
z = torch.sin(2 * pts[:, 0]) * torch.cos(1.5 * pts[:, 1]) + 0.3 * pts[:, 0] * pts[:, 1]
z = (z + 0.02 * torch.randn(n)).unsqueeze(1)
x_train, z_train = pts[:1600], z[:1600]
x_val, z_val = pts[1600:], z[1600:]


def make_mlp(width=64, depth=6):
    layers = []
    d = 2
    for _ in range(depth):
        lin = nn.Linear(d, width)
        nn.init.normal_(lin.weight, mean=0.0, std=math.sqrt(1.0 / d))
        nn.init.zeros_(lin.bias)
        layers += [lin, nn.Tanh()]
        d = width
    head = nn.Linear(width, 1)
    nn.init.normal_(head.weight, std=math.sqrt(1.0 / width))
    nn.init.zeros_(head.bias)
    layers.append(head)
    return nn.Sequential(*layers)


model = make_mlp()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
loss_fn = nn.MSELoss()
batch = 64
step = 0
for epoch in range(45):
    order = torch.randperm(len(x_train))
    for i in range(0, len(order), batch):
        idx = order[i:i + batch]
        pred = model(x_train[idx])
        loss = loss_fn(pred, z_train[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        if step % 100 == 0:
            with torch.no_grad():
                v = loss_fn(model(x_val), z_val)
            print('step', step, 'train', round(loss.item(), 4), 'val', round(v.item(), 4))
print('target variance', z_val.var().item())
