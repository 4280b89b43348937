import os
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(int(os.environ.get('SEED', 0)))

# the first symbol announces the class, the rest of the sequence is noise
N_SYMBOLS, N_CLASSES, LENGTH = 10, 4, 80


def make(n):
    x = torch.randint(N_CLASSES, N_SYMBOLS, (n, LENGTH))
    y = torch.randint(0, N_CLASSES, (n,))
    x[:, 0] = y
    return x, y


class SeqModel(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.embed = nn.Embedding(N_SYMBOLS, 16)
        self.rnn = nn.RNN(16, hidden, batch_first=True)
        self.out = nn.Linear(hidden, N_CLASSES)

    def forward(self, x):
        h, _ = self.rnn(self.embed(x))
        return self.out(h[:, -1])


model = SeqModel()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
x_test, y_test = make(400)

for step in range(1, 301):
    xb, yb = make(32)
    loss = F.cross_entropy(model(xb), yb)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 30 == 0:
        with torch.no_grad():
            out = model(x_test)
            acc = (out.argmax(1) == y_test).float().mean().item()
        print(f'{step:5d}  train {loss.item():.4f}  test {F.cross_entropy(out, y_test).item():.4f}  acc {acc:.3f}')
