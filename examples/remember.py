"""Which symbol came first? A recurrent network that must remember it for forty steps: python examples/remember.py [rnn|gru|lstm]."""

import sys

import torch
from torch import nn

LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
TIME, BATCH, UPDATES = 40, 64, 400

torch.manual_seed(0)


class Reader(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.rnn = LAYERS[kind](2, 24, batch_first=True)
        self.head = nn.Linear(24, 2)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


model = Reader(sys.argv[1] if len(sys.argv) > 1 else "lstm")
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
for update in range(1, UPDATES + 1):
    y = torch.randint(2, (BATCH,))
    x = 0.3 * torch.randn(BATCH, TIME, 2)
    x[:, 0, 0] += 2.0 * y - 1.0
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if update % 100 == 0:
        print(f"update {update}: loss {loss.item():.3f}")
