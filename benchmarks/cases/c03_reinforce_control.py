import os
import torch
import torch.nn as nn
from torch.distributions import Categorical

torch.manual_seed(int(os.environ.get('SEED', 0)))


class Corridor:
    """Walk on a line of 9 cells from the middle; the goal side is shown as a signal. +1 at the goal, -1 at the trap."""

    def reset(self):
        self.pos, self.t = 4, 0
        self.goal = 8 if torch.rand(1).item() < 0.5 else 0
        return self.obs()

    def obs(self):
        o = torch.zeros(10)
        o[self.pos] = 1.0
        o[9] = 1.0 if self.goal == 8 else -1.0
        return o

    def step(self, a):
        self.pos += 1 if a == 1 else -1
        self.t += 1
        if self.pos in (0, 8):
            return self.obs(), (1.0 if self.pos == self.goal else -1.0), True
        return self.obs(), -0.02, self.t >= 30


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(10, 32), nn.Tanh())
        self.pi = nn.Linear(32, 2)
        self.v = nn.Linear(32, 1)

    def forward(self, o):
        h = self.body(o)
        return Categorical(logits=self.pi(h)), self.v(h).squeeze(-1)


env, net = Corridor(), ActorCritic()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
avg = 0.0
for episode in range(1, 601):
    o, done = env.reset(), False
    logps, values, rewards, ents = [], [], [], []
    while not done:
        dist, v = net(o)
        a = dist.sample()
        o, r, done = env.step(a.item())
        logps.append(dist.log_prob(a))
        values.append(v)
        rewards.append(r)
        ents.append(dist.entropy())
    R, returns = 0.0, []
    for r in reversed(rewards):
        R = r + 0.98 * R
        returns.insert(0, R)
    returns = torch.tensor(returns)
    values = torch.stack(values)
    adv = returns - values.detach()
    policy_loss = -(torch.stack(logps) * adv).mean()
    value_loss = (values - returns).pow(2).mean()
    loss = policy_loss + 0.5 * value_loss - 0.01 * torch.stack(ents).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    avg = 0.95 * avg + 0.05 * sum(rewards)
    if episode % 50 == 0:
        print(f'episode {episode} loss {loss.item():.3f} running return {avg:.3f}')
