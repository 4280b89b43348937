import os
import math
import random
import torch
import torch.nn as nn
import torch.nn.functional as F

seed = int(os.environ.get('SEED', 0))
torch.manual_seed(seed)
random.seed(seed)

names = 'anna boris clara david elena felix greta hanna'.split()
verbs = 'sees finds paints sells wants keeps'.split()
things = 'a red kite|the old boat|two small cats|a green lamp|the blue door'.split('|')
text = ' '.join(f'{random.choice(names)} {random.choice(verbs)} {random.choice(things)}.' for _ in range(1500))
chars = sorted(set(text))
stoi = {c: i for i, c in enumerate(chars)}
data = torch.tensor([stoi[c] for c in text])
cut = int(0.9 * len(data))
CTX, D, HEADS = 24, 48, 4


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(D, 3 * D)
        self.proj = nn.Linear(D, D)
        self.register_buffer('mask', torch.tril(torch.ones(CTX, CTX)).bool())

    def forward(self, x):
        B, T, _ = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, HEADS, D // HEADS).permute(2, 0, 3, 1, 4)
        att = q @ k.transpose(-2, -1) / math.sqrt(D // HEADS)
        att = att.masked_fill(~self.mask[:T, :T], float('-inf')).softmax(dim=-1)
        return self.proj((att @ v).transpose(1, 2).reshape(B, T, D))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1, self.ln2, self.att = nn.LayerNorm(D), nn.LayerNorm(D), Attention()
        self.mlp = nn.Sequential(nn.Linear(D, 2 * D), nn.GELU(), nn.Linear(2 * D, D))

    def forward(self, x):
        x = x + self.att(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class CharLM(nn.Module):
    def __init__(self, vocab):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab, D), nn.Embedding(CTX, D)
        self.blocks = nn.Sequential(Block(), Block())
        self.head = nn.Linear(D, vocab)

    def forward(self, ids):
        x = self.tok(ids) + self.pos(torch.arange(ids.size(1)))
        return self.head(self.blocks(x))


def get_batch(src, n=16):
    ix = torch.randint(0, len(src) - CTX - 1, (n,)).tolist()
    return torch.stack([src[i:i + CTX] for i in ix]), torch.stack([src[i + 1:i + CTX + 1] for i in ix])


model = CharLM(vocab=16)
opt = torch.optim.AdamW(model.parameters(), lr=2e-3)
if len(chars) > model.head.out_features:
    model = CharLM(vocab=len(chars))
for step in range(1, 301):
    x, y = get_batch(data[:cut])
    loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 50 == 0:
        with torch.no_grad():
            x, y = get_batch(data[cut:], 64)
            print(f'step {step} train {loss.item():.4f} val {F.cross_entropy(model(x).flatten(0, 1), y.flatten()).item():.4f}')
