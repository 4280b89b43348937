import torch
from torch.nn.functional import mse_loss

from gradwell.lab.descent import descend
from gradwell.lab.layered import network


def test_it_takes_the_steps_of_torchs_own_gradient_descent():
    torch.manual_seed(0)
    x, y = torch.randn(20, 3), torch.randn(20, 1)
    ours, theirs = network("tanh", 3, 4, 1), network("tanh", 3, 4, 1)
    theirs.load_state_dict(ours.state_dict())
    optimizer, wanted = torch.optim.SGD(theirs.parameters(), 0.1), []
    for _ in range(6):
        loss = mse_loss(theirs(x), y)
        wanted.append(float(loss.detach()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = [*descend(ours, mse_loss, x, y, 0.1, 5)]
    torch.testing.assert_close(torch.tensor(found), torch.tensor(wanted))
    assert len(found) == 6, "before each of five steps, and after the last"
