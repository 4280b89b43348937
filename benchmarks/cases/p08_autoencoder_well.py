import os
import argparse
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits

parser = argparse.ArgumentParser()
parser.add_argument('--epochs', type=int, default=30)
parser.add_argument('--lr', type=float, default=2e-3)
parser.add_argument('--batch-size', type=int, default=64)
args = parser.parse_args([])

torch.manual_seed(int(os.environ.get('SEED', 0)))

images = torch.tensor(load_digits().data / 16.0, dtype=torch.float32)
images = images[torch.randperm(len(images))]
train_x, test_x = images[:1500], images[1500:]
train_loader = DataLoader(TensorDataset(train_x), batch_size=args.batch_size, shuffle=True, drop_last=True)


class AutoEncoder(nn.Module):
    def __init__(self, code=10):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 48), nn.GELU(), nn.Linear(48, code))
        self.decoder = nn.Sequential(nn.Linear(code, 48), nn.GELU(), nn.Linear(48, 128), nn.GELU(), nn.Linear(128, 64))

    def forward(self, x):
        return self.decoder(self.encoder(x))


ae = AutoEncoder()
optimizer = torch.optim.Adam(ae.parameters(), lr=args.lr)
mse = nn.MSELoss()

for epoch in range(args.epochs):
    ae.train()
    epoch_loss = 0.0
    for (batch,) in train_loader:
        recon = ae(batch)
        loss = mse(recon, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
    ae.eval()
    with torch.no_grad():
        test_loss = mse(ae(test_x), test_x).item()
    print(f'epoch {epoch + 1:2d} | train {epoch_loss / len(train_loader):.5f} | test {test_loss:.5f}')
print('pixel variance', test_x.var(0).mean().item())
