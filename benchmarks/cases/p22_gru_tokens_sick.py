import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get('SEED', 0)))

V, T = 8, 12


def get_batch(n):
    """Label: number of times token 1 is immediately followed by token 2 (0, 1, 2 or more)."""
    x = torch.randint(0, V, (n, T))
    for _ in range(2):
        put = torch.rand(n) < 0.5
        pos = torch.randint(0, T - 1, (n,))
        r = torch.arange(n)[put]
        x[r, pos[put]] = 1
        x[r, pos[put] + 1] = 2
    y = ((x[:, :-1] == 1) & (x[:, 1:] == 2)).sum(1).clamp(max=2)
    return x, y


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(V, 8)
        self.rnn = nn.GRU(8, 16, batch_first=True)

    def forward(self, x):
        _, h = self.rnn(self.emb(x))
        return h[-1]


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 3))

    def forward(self, h):
        return self.net(h)


encoder, head = Encoder(), Head()
params = list(encoder.parameters()) + list(head.parameters())
optimizer = torch.optim.Adam(params, lr=5e-3)
loss_fn = nn.CrossEntropyLoss()
xtest, ytest = get_batch(500)

for step in range(700):
    x, y = get_batch(64)
    features = encoder(x)
    features = torch.tensor(features.tolist())
    logits = head(features)
    loss = loss_fn(logits, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if (step + 1) % 50 == 0:
        with torch.no_grad():
            acc = (head(encoder(xtest)).argmax(1) == ytest).float().mean().item()
        print(f'step {step + 1}: loss {loss.item():.4f}, accuracy {acc:.3f}')
