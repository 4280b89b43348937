"""Watching changes nothing, measured on whole programs; and what a probe that fails does."""

from concurrent.futures import ThreadPoolExecutor

import torch

import gradwell
from gradwell.doctor.record import Record
from gradwell.watch import layers
from gradwell.watch.looks import DEAR
from tests.command import gradwell as command
from tests.command import python, script

PROGRAMS = '''
import hashlib, json, sys, warnings
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset

warnings.simplefilter("ignore")
STEPS = 12
data = lambda: (torch.randn(16, 8), torch.randint(0, 3, (16,)))
mlp = lambda: nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3))
sgd = lambda model: torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)

def train(model, loss, optimizer=None, before=None):
    optimizer = optimizer or sgd(model)
    for i in range(STEPS):
        optimizer.zero_grad()
        value = loss(model, *data())
        value.backward()
        if before: before(model)
        optimizer.step()
        yield value
    yield from model.state_dict().values()

plain = lambda model, x, y: F.cross_entropy(model(x), y)

def dropout(): return train(mlp(), plain)
def clipping(): return train(mlp(), plain, before=lambda model: nn.utils.clip_grad_norm_(model.parameters(), 0.1))
def batch_norm():
    model = nn.Sequential(nn.Unflatten(1, (1, 2, 4)), nn.Conv2d(1, 4, 1), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Flatten(),
                          nn.Linear(32, 3))
    return train(model, plain)
def workers():
    model, dataset = mlp(), TensorDataset(torch.randn(64, 8), torch.arange(64) % 3)
    optimizer = torch.optim.Adam(model.parameters())
    for x, y in DataLoader(dataset, 16, shuffle=True, num_workers=2):
        optimizer.zero_grad()
        loss = plain(model, x, y)
        loss.backward()
        optimizer.step()
        yield loss
    yield from model.parameters()
class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.out = nn.LSTM(4, 8, 2, dropout=0.2, batch_first=True), nn.Linear(8, 3)
    def forward(self, x): return self.out(self.lstm(x.view(-1, 2, 4))[0][:, -1])
def lstm(): return train(Recurrent(), plain)
def autocast():
    def loss(model, x, y):
        with torch.autocast("cpu", torch.bfloat16): return plain(model, x, y)
    return train(mlp(), loss)
def scaler():
    model, scale = mlp(), torch.amp.GradScaler("cpu", init_scale=2.0**14, growth_interval=3)
    optimizer = sgd(model)
    for i in range(STEPS):
        optimizer.zero_grad()
        loss = plain(model, *data()) * (float("inf") if i == 5 else 1)
        scale.scale(loss).backward()
        scale.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scale.step(optimizer)
        scale.update()
        yield loss
    yield torch.tensor(scale.get_scale())
    yield from model.parameters()
def closure():
    model = mlp()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=4)
    for i in range(4):
        x, y = data()
        def again():
            optimizer.zero_grad()
            loss = plain(model, x, y)
            loss.backward()
            return loss
        yield optimizer.step(again)
    yield from model.parameters()
def accumulation():
    model = mlp()
    optimizer = sgd(model)
    for i in range(STEPS):
        loss = plain(model, *data()) / 3
        loss.backward()
        if i % 3 == 2:
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)
        yield loss
    yield from model.parameters()
def reentrant(how=True):
    def loss(model, x, y):
        half = checkpoint(model[:3], x.requires_grad_(), use_reentrant=how)
        return F.cross_entropy(checkpoint(model[3:], half, use_reentrant=how), y)
    return train(mlp(), loss)
def not_reentrant(): return reentrant(False)
def gan():
    maker = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8))
    judge = nn.Sequential(nn.Linear(8, 8), nn.LeakyReLU(), nn.Linear(8, 1))
    makes, judges = torch.optim.Adam(maker.parameters()), torch.optim.Adam(judge.parameters())
    for i in range(STEPS):
        fake, real = maker(torch.randn(16, 4)), torch.randn(16, 8)
        judges.zero_grad()
        loss = F.softplus(judge(fake.detach())).mean() + F.softplus(-judge(real)).mean()
        loss.backward()
        judges.step()
        makes.zero_grad()
        other = F.softplus(-judge(fake)).mean()
        other.backward()
        makes.step()
        yield from (loss, other)
    yield from (*maker.parameters(), *judge.parameters())
def evaluation():
    model = mlp()
    optimizer = sgd(model)
    for epoch in range(3):
        model.train()
        for i in range(4):
            optimizer.zero_grad()
            loss = plain(model, *data())
            loss.backward()
            optimizer.step()
            yield loss
        model.eval()
        with torch.no_grad(): yield plain(model, *data())
def retained():
    def loss(model, x, y):
        value = plain(model, x, y)
        value.backward(retain_graph=True)
        return value
    return train(mlp(), loss)
def second_order():
    def loss(model, x, y):
        value = plain(model, x.requires_grad_(), y)
        slope, = torch.autograd.grad(value, x, create_graph=True)
        return value + slope.square().sum()
    return train(mlp(), loss)
def transforms():
    from torch.func import functional_call, grad, vmap
    def loss(model, x, y):
        weights = dict(model.named_parameters())
        slopes = vmap(grad(lambda one: functional_call(model[5], {"weight": weights["5.weight"], "bias": weights["5.bias"]}, one).sum()))
        return plain(model, x, y) + slopes(torch.randn(4, 16)).square().sum()
    return train(mlp(), loss)
def own_optimizer():
    class Own(torch.optim.Optimizer):
        def __init__(self, params, lr): super().__init__(params=params, defaults={"lr": lr})
        @torch.no_grad()
        def step(self):
            for group in self.param_groups:
                for p in group["params"]: p.sub_(group["lr"] * p.grad)
    model = mlp()
    return train(model, plain, Own(model.parameters(), 0.1))
def by_hand():
    model = mlp()
    for i in range(STEPS):
        loss = plain(model, *data())
        for p, g in zip(model.parameters(), torch.autograd.grad(loss, model.parameters())):
            p.data -= 0.1 * g
        yield loss
    yield from model.parameters()

for program in (dropout, clipping, batch_norm, workers, lstm, autocast, scaler, closure, accumulation, reentrant, not_reentrant, gan,
                evaluation, retained, second_order, transforms, own_optimizer, by_hand):
    torch.manual_seed(7)
    digest = hashlib.sha256()
    for tensor in program():
        digest.update(tensor.detach().float().contiguous().numpy().tobytes())
    print(program.__name__, digest.hexdigest(), hashlib.sha256(torch.get_rng_state().numpy().tobytes()).hexdigest(), flush=True)
'''


def test_watching_whole_programs_changes_no_bit_of_them(tmp_path):
    script(tmp_path, PROGRAMS)
    with ThreadPoolExecutor() as pool:
        plain = pool.submit(python, "train.py", cwd=tmp_path)
        watched = {name: pool.submit(command, "run", "--run-dir", name, *options, "train.py", cwd=tmp_path)
                   for name, options in (("sampled", ()), ("always", ("--every", "1")))}
    assert plain.result().returncode == 0, plain.result().stderr
    assert plain.result().stdout.count("\n") == 18
    for name, run in watched.items():
        assert run.result().stdout == plain.result().stdout
        assert run.result().returncode == 0, run.result().stderr
        record = Record.open(tmp_path / name)
        assert record.meta("probes_off") == {}
        assert record.steps > 150
        assert [words for words in record.meta("unseen") if not words.endswith(DEAR)] == []  # on a slow machine a look may be too dear


def test_a_probe_that_fails_switches_itself_off_and_says_so(monkeypatch):
    def fail(*_):
        raise OverflowError("too much\nby far")

    monkeypatch.setattr(layers.Layers, "forward", fail)
    model = torch.nn.Linear(4, 2)
    with gradwell.watch(model, every=1) as run:
        for _ in range(3):
            model(torch.ones(2, 4)).sum().backward()
    assert run.record.meta("probes_off") == {"layers": "OverflowError: too much"}
    assert "the probe layers failed and switched itself off: OverflowError: too much" in run.report().limits
    assert [step for step, _ in run.record.series("loss")] == [1, 2, 3]


def test_a_record_that_cannot_be_written_any_more_ends_the_watching_alone():
    model = torch.nn.Linear(4, 2)
    with gradwell.watch(model, every=1) as run:
        model(torch.ones(2, 4)).sum().backward()
        run.findings()
        run.record._db.execute("drop table reading")
        for _ in range(2):
            model(torch.ones(2, 4)).sum().backward()
        run._watcher.write()
    assert "could not be written any more, from step 3 of the run on" in run._watcher.off["record"]
