"""Scripts that a watcher would rather not meet: they behave as they do unwatched, and the report says what was not seen."""

import pytest

from tests.command import gradwell, ours, python, script

HEAD = """
import copy, hashlib, os, sys, warnings
from dataclasses import dataclass
import torch
from torch import nn
from torch.nn import functional as F
warnings.simplefilter("ignore")
torch.manual_seed(0)
x, y = torch.randn(16, 8), torch.arange(16) % 3

def show(name, *models):
    values = [v for m in models for v in (m.state_dict().values() if isinstance(m, nn.Module) else [m])]
    data = b"".join(v.detach().contiguous().view(-1).view(torch.uint8).numpy().tobytes() for v in values if v.numel())
    print(name, hashlib.sha256(data).hexdigest(), flush=True)

def train(model, optimizer=None, loss=lambda m: F.cross_entropy(m(x), y), steps=6):
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(model).backward()
        optimizer.step()
    return model
"""
PARTS = HEAD + """
class Proxy(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(8, 3)
    def __getattr__(self, name):
        if name in ("net", "_modules", "_parameters", "_buffers"):
            return super().__getattr__(name)
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *a, **k: self.net(*a, **k)
    def forward(self, x): return self.anything(x)
show("getattr", train(Proxy()))

@dataclass
class Out:
    logits: torch.Tensor
    nothing: None = None
class Packs(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.a, self.b, self.how = nn.Linear(8, 8), nn.Linear(8, 3), how
    def forward(self, x):
        out = self.b(torch.relu(self.a(x)))
        return {"dict": {"logits": out}, "tuple": (None, [out]), "class": Out(out)}[self.how]
show("dict", train(Packs("dict"), loss=lambda m: F.cross_entropy(m(x)["logits"], y)))
show("tuple", train(Packs("tuple"), loss=lambda m: F.cross_entropy(m(x)[1][0], y)))
show("class", train(Packs("class"), loss=lambda m: F.cross_entropy(m(x).logits, y)))

class Silent(nn.Module):
    def forward(self, x): return None
class Quiet(nn.Module):
    def __init__(self):
        super().__init__()
        self.nothing, self.out = Silent(), nn.Linear(8, 3)
    def forward(self, x):
        self.nothing(x)
        return self.out(x)
show("none", train(Quiet()))

def bad_hook(*_): raise ValueError("a hook of the script's own")
hooked = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
handle = hooked[0].register_full_backward_hook(bad_hook)
for _ in range(3):
    try: F.cross_entropy(hooked(x), y).backward()
    except ValueError as error: print("caught", error)
handle.remove()
show("hook", train(hooked))

class Breaks(torch.autograd.Function):
    @staticmethod
    def forward(context, x): return x.clone()
    @staticmethod
    def backward(context, gradient): raise RuntimeError("backward of the script's own")
for _ in range(3):
    try: F.cross_entropy(Breaks.apply(hooked(x)), y).backward()
    except RuntimeError as error: print("caught", error)
show("backward", train(hooked))

with torch.device("meta"):
    ghost = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))
ghostly = torch.optim.SGD(ghost.parameters(), lr=0.1)
for _ in range(3):
    ghostly.zero_grad()
    ghost(torch.randn(4, 8, device="meta")).sum().backward()
    ghostly.step()
print("meta", ghost[0].weight.grad.shape)

class Waves(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(8, 3, dtype=torch.complex64))
    def forward(self, x): return (torch.fft.fft(x) @ self.w).abs()
show("complex", torch.view_as_real(train(Waves()).w.detach()))

table = nn.EmbeddingBag(50, 8, sparse=True)
top = nn.Linear(8, 3)
words = torch.randint(50, (16, 4))
sparse, dense = torch.optim.SparseAdam(table.parameters()), torch.optim.Adam(top.parameters())
for _ in range(6):
    for o in (sparse, dense): o.zero_grad()
    F.cross_entropy(top(table(words)), y).backward()
    for o in (sparse, dense): o.step()
show("sparse", table, top)

for epoch in range(5):
    again = train(nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 3)), steps=2)
show("again", again)

three = [nn.Linear(8, 3) for _ in range(3)]
optimizers = [torch.optim.SGD(m.parameters(), lr=0.1) for m in three]
for i in range(9):
    optimizers[i % 3].zero_grad()
    F.cross_entropy(sum(m(x) for m in three), y).backward()
    optimizers[i % 3].step()
show("three", *three)

model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
optimizer = torch.optim.Adam(model.parameters())
for i in range(4):
    train(model, optimizer, steps=2)
    model, optimizer = copy.deepcopy((model, optimizer))
show("copied", model)

integers = nn.Linear(8, 3)
integers.register_buffer("counts", torch.zeros(3, dtype=torch.long))
def counted(m):
    m.counts += torch.bincount(y, minlength=3)
    return F.cross_entropy(m(x), y)
show("integers", train(integers, loss=counted))
"""
MANY = HEAD + """
class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.s = nn.Parameter(torch.ones(()))
    def forward(self, x): return x * self.s
many = nn.Sequential(*[Tiny() for _ in range(3_000)], nn.Linear(8, 3))
show("many", train(many, steps=3))
"""
FORK = HEAD + """
model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
train(model, optimizer)
child = os.fork()
if child == 0:
    train(model, optimizer, steps=3)
    show("child", model)
    os._exit(0)
os.waitpid(child, 0)
show("parent", train(model, optimizer))
sys.stdout.flush()
os._exit(5)
"""


def both(tmp_path, text):
    """The script unwatched and watched."""
    script(tmp_path, text)
    return python("train.py", cwd=tmp_path), gradwell("run", "--every", 1, "train.py", cwd=tmp_path)


@pytest.mark.parametrize("text", [PARTS, MANY], ids=["odd parts", "three thousand modules"])
def test_odd_scripts_behave_as_unwatched_and_no_probe_stumbles(text, tmp_path):
    plain, watched = both(tmp_path, text)
    assert plain.returncode == 0, plain.stderr
    assert watched.returncode == 0, watched.stderr
    assert watched.stdout == plain.stdout
    assert "Traceback" not in watched.stderr
    assert "switched itself off" not in ours(watched.stderr)
    assert "has no end" not in watched.stderr
    assert ("the meta device" in watched.stderr) == (text is PARTS)


def test_a_fork_and_an_end_without_pythons_own_are_survived_and_told(tmp_path):
    plain, watched = both(tmp_path, FORK)
    assert plain.returncode == watched.returncode == 5
    assert watched.stdout == plain.stdout
    assert "the record has no end" in watched.stderr
