import os
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader

torch.manual_seed(int(os.environ.get('SEED', 0)))
data = torch.tensor(load_digits().data / 16.0, dtype=torch.float32)
data = data[torch.randperm(len(data))]
train, test = data[:1500], data[1500:]
loader = DataLoader(train, batch_size=64, shuffle=True)


class VAE(nn.Module):
    def __init__(self, latent=6):
        super().__init__()
        self.enc = nn.Linear(64, 96)
        self.mu = nn.Linear(96, latent)
        self.logvar = nn.Linear(96, latent)
        self.dec1 = nn.Linear(latent, 96)
        self.dec2 = nn.Linear(96, 64)

    def encode(self, x):
        h = F.relu(self.enc(x))
        return self.mu(h), self.logvar(h)

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        return torch.sigmoid(self.dec2(F.relu(self.dec1(z)))), mu, logvar


def elbo(recon, x, mu, logvar):
    rec = F.binary_cross_entropy(recon, x, reduction='sum')
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return rec, kl


vae = VAE()
opt = torch.optim.Adam(vae.parameters(), lr=2e-3)
for epoch in range(20):
    rs = ks = 0.0
    for x in loader:
        recon, mu, logvar = vae(x)
        rec, kl = elbo(recon, x, mu, logvar)
        loss = (rec + kl) / len(x)
        opt.zero_grad()
        loss.backward()
        opt.step()
        rs += rec.item()
        ks += kl.item()
    with torch.no_grad():
        recon, mu, logvar = vae(test)
        tr, tk = elbo(recon, test, mu, logvar)
    print(f'epoch {epoch} recon {rs / 1500:.3f} kl {ks / 1500:.3f} test elbo {(tr + tk).item() / len(test):.3f}')
