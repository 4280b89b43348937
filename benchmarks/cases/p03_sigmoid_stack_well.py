import os
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_classification
from torch.utils.data import TensorDataset, DataLoader, random_split

SEED = int(os.environ.get('SEED', 0))
torch.manual_seed(SEED)


def get_data():
    X, y = make_classification(n_samples=3000, n_features=20, n_informative=12, n_redundant=2,
                               n_classes=4, n_clusters_per_class=2, class_sep=1.5, random_state=1)
    X = (X - X.mean(0)) / X.std(0)
    ds = TensorDataset(torch.from_numpy(X).float(), torch.from_numpy(y).long())
    return random_split(ds, [2400, 600])


class DeepNet(nn.Module):
    def __init__(self, n_in, n_out, width=48, n_layers=8):
        super().__init__()
        dims = [n_in] + [width] * n_layers
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in zip(dims[:-1], dims[1:]))
        self.out = nn.Linear(width, n_out)

    def forward(self, x):
        for layer in self.hidden:
            x = F.relu(layer(x))
        return self.out(x)


def accuracy(model, loader):
    model.eval()
    good = n = 0
    with torch.no_grad():
        for xb, yb in loader:
            good += (model(xb).argmax(-1) == yb).sum().item()
            n += len(yb)
    model.train()
    return good / n


def main():
    train_set, val_set = get_data()
    train_loader = DataLoader(train_set, batch_size=50, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=200)
    model = DeepNet(20, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(18):
        running = 0.0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(xb), yb)
            loss.backward()
            optimizer.step()
            running += loss.item()
        print(f'[{epoch}] loss={running / len(train_loader):.4f} val_acc={accuracy(model, val_loader):.3f}')


if __name__ == '__main__':
    main()
