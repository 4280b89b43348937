import os
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get('SEED', 0)))
digits = load_digits()
X = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
order = torch.randperm(len(X))
X, y = X[order], y[order]
loader = DataLoader(TensorDataset(X[:1400], y[:1400]), batch_size=50, shuffle=True)

teacher = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10))
student = nn.Sequential(nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 10))


def test(m):
    m.eval()
    with torch.no_grad():
        return (m(X[1400:]).argmax(1) == y[1400:]).float().mean().item()


opt = torch.optim.Adam(teacher.parameters(), lr=2e-3)
for epoch in range(10):
    teacher.train()
    for xb, yb in loader:
        loss = F.cross_entropy(teacher(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
    print('teacher', epoch, f'{loss.item():.4f} acc {test(teacher):.3f}')

teacher.eval()
T, alpha = 3.0, 0.7
opt = torch.optim.Adam(student.parameters(), lr=5e-3)
for epoch in range(16):
    student.train()
    for xb, yb in loader:
        with torch.no_grad():
            soft = F.softmax(teacher(xb) / T, dim=1)
        out = student(xb)
        kd = F.kl_div(F.log_softmax(out / T, dim=1), soft, reduction='batchmean') * T * T
        loss = alpha * kd + (1 - alpha) * F.cross_entropy(out, yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
    print('student', epoch, f'{loss.item():.4f} acc {test(student):.3f}')
