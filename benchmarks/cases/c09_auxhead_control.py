import os
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get('SEED', 0)))


def squares(n):
    """A filled square of random size and place: classify the size, auxiliary: regress its centre."""
    x = 0.2 * torch.randn(n, 1, 16, 16)
    size = torch.randint(0, 4, (n,))
    centre = torch.zeros(n, 2)
    for i in range(n):
        k = 3 + size[i].item()
        r, c = torch.randint(0, 16 - k, (2,)).tolist()
        x[i, 0, r:r + k, c:c + k] += 1
        centre[i] = torch.tensor([(r + k / 2) / 16, (c + k / 2) / 16])
    return x, size, centre


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 12, 3, stride=2, padding=1)
        self.c2 = nn.Conv2d(12, 24, 3, stride=2, padding=1)
        self.fc = nn.Linear(24 * 16, 64)
        self.cls = nn.Linear(64, 4)
        self.aux = nn.Linear(24 * 16, 2)

    def forward(self, x):
        h = F.relu(self.c2(F.relu(self.c1(x)))).flatten(1)
        return self.cls(F.relu(self.fc(h))), self.aux(h)


tr = squares(1500)
te = squares(300)
loader = DataLoader(TensorDataset(*tr), batch_size=50, shuffle=True)
net = Net()
opt = torch.optim.RMSprop(net.parameters(), lr=1e-3)
for epoch in range(14):
    a = b = 0.0
    for x, s, c in loader:
        logits, pos = net(x)
        main_loss = F.cross_entropy(logits, s)
        aux_loss = F.smooth_l1_loss(pos, c)
        loss = main_loss + 0.3 * aux_loss
        opt.zero_grad()
        loss.backward()
        opt.step()
        a += main_loss.item()
        b += aux_loss.item()
    with torch.no_grad():
        logits, pos = net(te[0])
    print(f'epoch {epoch} main {a / len(loader):.4f} aux {b / len(loader):.5f} '
          f'test acc {(logits.argmax(1) == te[1]).float().mean():.3f} aux {F.smooth_l1_loss(pos, te[2]):.5f}')
