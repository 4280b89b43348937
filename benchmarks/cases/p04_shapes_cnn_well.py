import os
import torch
from torch import nn, optim

torch.manual_seed(int(os.environ.get('SEED', 0)))


def make_images(n):
    """1x16x16 images holding a horizontal bar, a vertical bar, a square outline or a cross."""
    imgs = 0.25 * torch.randn(n, 1, 16, 16)
    labels = torch.randint(0, 4, (n,))
    for i in range(n):
        r, c = torch.randint(2, 9, (2,)).tolist()
        k = labels[i].item()
        if k == 0:
            imgs[i, 0, r + 2, c:c + 6] += 1.0
        elif k == 1:
            imgs[i, 0, r:r + 6, c + 2] += 1.0
        elif k == 2:
            imgs[i, 0, r:r + 5, c] += 1.0
            imgs[i, 0, r:r + 5, c + 4] += 1.0
            imgs[i, 0, r, c:c + 5] += 1.0
            imgs[i, 0, r + 4, c:c + 5] += 1.0
        else:
            for j in range(5):
                imgs[i, 0, r + j, c + j] += 1.0
                imgs[i, 0, r + j, c + 4 - j] += 1.0
    return imgs, labels


xtrain, ytrain = make_images(1500)
xtest, ytest = make_images(400)

net = nn.Sequential(
    nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(24 * 16, 64), nn.ReLU(),
    nn.Linear(64, 4),
)
for m in net:
    if isinstance(m, (nn.Conv2d, nn.Linear)):
        nn.init.kaiming_normal_(m.weight)
        nn.init.constant_(m.bias, 0.0)

opt = optim.Adam(net.parameters(), lr=1e-3)
lossf = nn.CrossEntropyLoss()
for ep in range(1, 13):
    perm = torch.randperm(len(xtrain))
    tot = 0
    for b in perm.split(50):
        out = net(xtrain[b])
        loss = lossf(out, ytrain[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        tot += loss.item() * len(b)
    with torch.no_grad():
        acc = net(xtest).argmax(1).eq(ytest).float().mean()
    print(f'epoch {ep}: train loss {tot / len(xtrain):.4f}, test acc {acc:.3f}')
