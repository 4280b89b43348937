import copy
import os
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_moons

torch.manual_seed(int(os.environ.get('SEED', 0)))
X, y = make_moons(2000, noise=0.12, random_state=1)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
lab_x, lab_y = X[:60], y[:60]
unl_x = X[60:1500]
test_x, test_y = X[1500:], y[1500:]

student = nn.Sequential(nn.Linear(2, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 2))
teacher = copy.deepcopy(student)
for p in teacher.parameters():
    p.requires_grad_(False)


@torch.no_grad()
def update_teacher(decay):
    for tp, sp in zip(teacher.parameters(), student.parameters()):
        tp.mul_(decay).add_(sp, alpha=1 - decay)


opt = torch.optim.SGD(student.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
STEPS = 1000
for step in range(1, STEPS + 1):
    li = torch.randint(0, len(lab_x), (30,))
    ui = torch.randint(0, len(unl_x), (100,))
    u = unl_x[ui]
    sup = F.cross_entropy(student(lab_x[li] + 0.05 * torch.randn(30, 2)), lab_y[li])
    with torch.no_grad():
        target = F.softmax(teacher(u + 0.05 * torch.randn_like(u)), dim=1)
    cons = F.mse_loss(F.softmax(student(u + 0.05 * torch.randn_like(u)), dim=1), target)
    weight = min(1.0, step / 400)
    loss = sup + 3.0 * weight * cons
    opt.zero_grad()
    loss.backward()
    opt.step()
    update_teacher(min(0.99, 1 - 1 / (step + 1)))
    if step % 100 == 0:
        with torch.no_grad():
            sa = (student(test_x).argmax(1) == test_y).float().mean()
            ta = (teacher(test_x).argmax(1) == test_y).float().mean()
        print(f'step {step} sup {sup.item():.4f} cons {cons.item():.5f} student {sa:.3f} teacher {ta:.3f}')
