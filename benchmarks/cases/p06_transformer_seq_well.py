import os
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get('SEED', 0)))

VOCAB, LEN = 12, 14


def build(n):
    # class = which of the tokens 1, 2, 3 is the most frequent in the sequence
    x = torch.randint(0, VOCAB, (n * 3, LEN))
    bias = torch.randint(1, 4, (n * 3, 1))
    x = torch.where(torch.rand(n * 3, LEN) < 0.2, bias.expand(-1, LEN), x)
    counts = torch.stack([(x == k).sum(1) for k in (1, 2, 3)], 1)
    top2 = counts.topk(2, dim=1).values
    keep = top2[:, 0] > top2[:, 1]
    return x[keep][:n], counts.argmax(1)[keep][:n]


class Classifier(nn.Module):
    def __init__(self, d=32, heads=4, layers=2):
        super().__init__()
        self.tok = nn.Embedding(VOCAB, d)
        self.pos = nn.Parameter(torch.randn(1, LEN, d) * 0.02)
        enc = nn.TransformerEncoderLayer(d, heads, dim_feedforward=64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(enc, layers)
        self.head = nn.Linear(d, 3)

    def forward(self, ids):
        h = self.encoder(self.tok(ids) + self.pos)
        return self.head(h.mean(dim=1))


xtr, ytr = build(1600)
xva, yva = build(400)
dl = DataLoader(TensorDataset(xtr, ytr), batch_size=32, shuffle=True)
model = Classifier()
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
ce = nn.CrossEntropyLoss()

for epoch in range(8):
    model.train()
    s = 0.0
    for xb, yb in dl:
        loss = ce(model(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
        s += loss.item()
    model.eval()
    with torch.no_grad():
        lv = model(xva)
        print('epoch', epoch, 'train %.3f' % (s / len(dl)), 'val %.3f' % ce(lv, yva).item(),
              'acc %.3f' % (lv.argmax(1) == yva).float().mean().item())
