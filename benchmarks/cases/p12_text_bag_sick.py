import os
import random
import torch
from torch import nn

seed = int(os.environ.get('SEED', 0))
torch.manual_seed(seed)
random.seed(seed)

TOPICS = {
    'sport': 'match goal team player score coach league win season ball'.split(),
    'food': 'recipe bake salt oven sugar taste dinner cook fresh sauce'.split(),
    'tech': 'code cloud server chip data network app phone update screen'.split(),
    'travel': 'flight hotel beach city ticket map tour train island visit'.split(),
}
COMMON = 'the a of and to in is it was for on with as at by new good this that very'.split()
names = list(TOPICS)
vocab = {w: i for i, w in enumerate(sorted(set(sum(TOPICS.values(), COMMON))))}


def sample():
    topic = random.randrange(4)
    words = []
    for _ in range(random.randint(6, 14)):
        r = random.random()
        if r < 0.25:
            words.append(random.choice(TOPICS[names[topic]]))
        elif r < 0.35:
            words.append(random.choice(TOPICS[random.choice(names)]))
        else:
            words.append(random.choice(COMMON))
    return [vocab[w] for w in words], topic


train_data = [sample() for _ in range(2000)]
test_data = [sample() for _ in range(500)]


def collate(batch):
    flat, offsets, labels = [], [], []
    for ids, lab in batch:
        offsets.append(len(flat))
        flat.extend(ids)
        labels.append(lab)
    return torch.tensor(flat), torch.tensor(offsets), torch.tensor(labels)


class TextNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.EmbeddingBag(len(vocab), 24, mode='mean')
        self.fc1 = nn.Linear(24, 32)
        self.fc2 = nn.Linear(32, 4)

    def forward(self, tokens, offsets):
        h = torch.relu(self.fc1(self.emb(tokens, offsets)))
        return self.fc2(h)


model = TextNet()
loss_fn = nn.NLLLoss()
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(12):
    random.shuffle(train_data)
    running = 0.0
    for i in range(0, len(train_data), 40):
        tokens, offsets, labels = collate(train_data[i:i + 40])
        loss = loss_fn(model(tokens, offsets), labels)
        opt.zero_grad()
        loss.backward()
        opt.step()
        running += loss.item() * len(labels)
    with torch.no_grad():
        tokens, offsets, labels = collate(test_data)
        acc = (model(tokens, offsets).argmax(-1) == labels).float().mean().item()
    print(f'epoch {epoch} loss {running / len(train_data):.4f} acc {acc:.3f}')
