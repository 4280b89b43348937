import os
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get('SEED', 0)))

# click prediction from categorical columns
CARDS = [40, 30, 25, 50]
N = 6000
cols = torch.stack([torch.randint(0, c, (N,)) for c in CARDS], dim=1)
effects = [torch.randn(c) * 1.6 for c in CARDS]
score = sum(e[cols[:, i]] for i, e in enumerate(effects))
score = score + 0.8 * effects[0][cols[:, 0]] * effects[2][cols[:, 2]]
click = (torch.rand(N) < torch.sigmoid(2 * score)).float()


class ClickNet(nn.Module):
    def __init__(self, cards, dim=3, hidden=24):
        super().__init__()
        self.embs = [nn.Embedding(c, dim) for c in cards]
        self.fc1 = nn.Linear(dim * len(cards), hidden)
        self.fc2 = nn.Linear(hidden, 1)

    def forward(self, cat):
        parts = [emb(cat[:, i]) for i, emb in enumerate(self.embs)]
        h = torch.relu(self.fc1(torch.cat(parts, dim=-1)))
        return self.fc2(h).squeeze(-1)


train_dl = DataLoader(TensorDataset(cols[:5000], click[:5000]), batch_size=100, shuffle=True)
val_c, val_y = cols[5000:], click[5000:]
model = ClickNet(CARDS)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
bce = nn.BCEWithLogitsLoss()

for epoch in range(10):
    model.train()
    running = 0.0
    for c, t in train_dl:
        loss = bce(model(c), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item()
    model.eval()
    with torch.no_grad():
        logit = model(val_c)
    acc = ((logit > 0) == (val_y > 0.5)).float().mean().item()
    print(f'epoch {epoch} train {running / len(train_dl):.4f} val {bce(logit, val_y):.4f} acc {acc:.3f}')
