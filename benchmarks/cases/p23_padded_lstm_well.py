import os
import random
import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence, pack_padded_sequence
from torch.utils.data import Dataset, DataLoader

seed = int(os.environ.get('SEED', 0))
torch.manual_seed(seed)
random.seed(seed)

PAD, MAXLEN = 0, 100


class ReviewData(Dataset):
    """Tokens 1..19; positive if more 'good' tokens (1-4) than 'bad' tokens (5-8). Mostly short, a few long."""

    def __init__(self, n):
        self.items = []
        while len(self.items) < n:
            length = random.randint(4, 12) if random.random() < 0.9 else random.randint(75, MAXLEN)
            mood = random.random()
            s = []
            for _ in range(length):
                r = random.random()
                if r < 0.4:
                    s.append(random.randint(1, 4) if random.random() < mood else random.randint(5, 8))
                else:
                    s.append(random.randint(9, 19))
            good = sum(1 <= t <= 4 for t in s)
            bad = sum(5 <= t <= 8 for t in s)
            if good != bad:
                self.items.append((torch.tensor(s), int(good > bad)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(batch):
    seqs, labels = zip(*batch)
    lengths = torch.tensor([len(s) for s in seqs])
    return pad_sequence(seqs, batch_first=True, padding_value=PAD), lengths, torch.tensor(labels)


class SentimentLSTM(nn.Module):
    def __init__(self, vocab=20, emb=16, hidden=32):
        super().__init__()
        self.embedding = nn.Embedding(vocab, emb, padding_idx=PAD)
        self.lstm = nn.LSTM(emb, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 2)

    def forward(self, x, lengths):
        e = self.embedding(x)
        packed = pack_padded_sequence(e, lengths, batch_first=True, enforce_sorted=False)
        _, (h, _) = self.lstm(packed)
        return self.fc(h[-1])


train_loader = DataLoader(ReviewData(1400), batch_size=40, shuffle=True, collate_fn=collate)
test_loader = DataLoader(ReviewData(400), batch_size=100, collate_fn=collate)
model = SentimentLSTM()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(6):
    total = 0
    for x, lengths, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x, lengths), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        ok = sum((model(x, l).argmax(1) == y).sum().item() for x, l, y in test_loader)
    print(f'Epoch {epoch + 1} loss {total / len(train_loader):.4f} test acc {ok / 400:.3f}')
