"""A watched script sees, says and returns what it would without us."""

import os
import signal
import subprocess
import sys
import time

import pytest

from gradwell.doctor.catalogue import catalogue
from gradwell.doctor.record import Record
from gradwell.errors import TargetError
from gradwell.watch import launcher
from tests.command import GRADWELL, TRAIN, execute, gradwell, ours, python, script, theirs

SEE = """
import os, sys
print(sys.argv, __name__, os.getcwd(), sys.path, sys.stdin.read(), __file__, sys.orig_argv[1:], sorted(globals()))
print(sorted(set(sys.modules) - {"gradwell", "sitecustomize"}))
print("words", file=sys.stderr)
"""
ENDS = {
    "sys.exit(7)": 7, "raise ValueError('no')": 1, "os._exit(5)": 5, "sys.exit('why')": 1, "pass": 0,
    "os.kill(os.getpid(), signal.SIGTERM)": -signal.SIGTERM, "os.kill(os.getpid(), signal.SIGSEGV)": -signal.SIGSEGV,
    "os.kill(os.getpid(), signal.SIGKILL)": -signal.SIGKILL, "signal.raise_signal(signal.SIGINT)": -signal.SIGINT,
}


def compare(plain: subprocess.CompletedProcess[str], watched: subprocess.CompletedProcess[str]) -> str:
    """Check that two runs are alike; return what Gradwell added to stderr."""
    assert watched.stdout == plain.stdout
    assert theirs(watched.stderr) == plain.stderr
    assert watched.returncode == plain.returncode
    return ours(watched.stderr)


def test_a_script_sees_what_it_would_see_without_us(tmp_path):
    script(tmp_path, SEE, "code/train.py")
    arguments = ["code/train.py", "--json", "x", "--", "-m", "--every", "3"]
    summary = compare(python(*arguments, cwd=tmp_path, input="given\n"), gradwell("run", *arguments, cwd=tmp_path, input="given\n"))
    assert summary == "gradwell: nothing was measured: the script did not import torch, so there was nothing to watch.\n"
    assert os.listdir(tmp_path) == ["code"], "no empty run folder is left behind"


def test_a_module_and_a_package_and_a_command_see_it_too(tmp_path):
    script(tmp_path, SEE, "pkg/module.py")
    script(tmp_path, SEE, "pkg/__main__.py")
    compare(python("-m", "pkg.module", "-q", cwd=tmp_path), gradwell("run", "-m", "pkg.module", "-q", cwd=tmp_path))
    compare(python("pkg", "-q", cwd=tmp_path), gradwell("run", "pkg", "-q", cwd=tmp_path))
    compare(python("-u", "pkg/module.py", cwd=tmp_path), gradwell("run", "--", sys.executable, "-u", "pkg/module.py", cwd=tmp_path))
    path = {"PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]}
    compare(execute(["python", "pkg/module.py"], tmp_path, path), gradwell("run", "--", "python", "pkg/module.py", cwd=tmp_path, env=path))


@pytest.mark.parametrize("end", ENDS)
def test_a_script_ends_as_it_would_without_us(end, tmp_path):
    script(tmp_path, f"import os, signal, sys\nprint('here', flush=True)\ndef end():\n    {end}\nend()\n")
    plain, watched = python("train.py", cwd=tmp_path), gradwell("run", "train.py", cwd=tmp_path)
    assert compare(plain, watched).startswith("gradwell: nothing was measured")
    assert watched.returncode == ENDS[end]


def test_what_the_script_opens_and_warns_of_stays_its_own(tmp_path):
    script(tmp_path, "import os\nprint(os.read(int(os.environ['FD']), 9), 1 is 1)\n")  # a SyntaxWarning, said once
    read, write = os.pipe()
    os.write(write, b"inherited")
    os.write(write, b"inherited")
    options = {"cwd": tmp_path, "env": {"FD": str(read)}, "pass_fds": [read]}
    compare(python("train.py", **options), gradwell("run", "train.py", **options))


def test_another_sitecustomize_is_loaded_after_ours(tmp_path):
    other = "import sys\nsys.theirs = sys.path[:]\nif 'broken' in sys.orig_argv: raise OSError('broken')\n"
    script(tmp_path, other, "other/sitecustomize.py")
    script(tmp_path, "import sys, sitecustomize\nprint(sys.theirs, sitecustomize.__file__)\n")
    env = {"PYTHONPATH": str(tmp_path / "other")}
    compare(python("train.py", cwd=tmp_path, env=env), gradwell("run", "train.py", cwd=tmp_path, env=env))
    script(tmp_path, "import sys\nprint(sys.theirs)\n")
    broken = gradwell("run", sys.executable, "train.py", "broken", cwd=tmp_path, env=env)
    assert "OSError: broken" in theirs(broken.stderr)
    assert str(tmp_path / "other") in broken.stdout


def test_the_summary_comes_after_ctrl_c_and_no_traceback_holds_a_frame_of_ours(tmp_path):
    script(tmp_path, f"""import importlib.util, signal, traceback
assert importlib.util.find_spec("torch").loader.get_filename("torch")  # asked for, before it is imported
{TRAIN}
def attempt(what):
    try:
        what()
    except Exception:
        traceback.print_exc()
for i in range(20): step()
loss = model(torch.randn(2, 4)).sum()
loss.backward()
attempt(lambda: loss.backward())
attempt(lambda: torch.autograd.backward())
attempt(lambda: torch.nn.utils.clip_grad_norm_(model.parameters()))
torch.autograd.backward(iter([model(torch.randn(2, 4)).sum()]))
torch.nn.utils.clip_grad_norm_(parameters=model.parameters(), max_norm=1.0)
step()
signal.raise_signal(signal.SIGINT)
""")
    watched = gradwell("run", "--every", "1", "train.py", cwd=tmp_path)
    assert watched.returncode == -signal.SIGINT
    assert f"{len(catalogue())} rules checked over " in ours(watched.stderr), watched.stderr
    assert "has no end" not in watched.stderr
    said = theirs(watched.stderr)
    assert said.count("Traceback") == 4
    assert all(error in said for error in ("KeyboardInterrupt", "second time", "'tensors'", "'max_norm'"))
    assert "gradwell" not in said, "no frame of ours in a traceback"


def test_a_signal_to_the_launcher_reaches_the_script(tmp_path):
    script(tmp_path, """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))
print("ready", flush=True)
time.sleep(30)
""")
    process = subprocess.Popen([GRADWELL, "run", "train.py"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 9
    assert stderr.startswith("gradwell: nothing was measured")


def test_the_processes_of_torchrun_leave_one_record(tmp_path):
    script(tmp_path, """
import os, torch, torch.distributed as dist
dist.init_process_group("gloo")
torch.manual_seed(0)
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)))
for i in range(10):
    x = torch.randn(16, 4)
    torch.nn.functional.cross_entropy(model(x), (x[:, 0] > 0).long()).backward()
    for p in model.parameters(): p.grad = None
os.write(1, f"done {dist.get_rank()}\\n".encode())
dist.destroy_process_group()
""")
    path = {"PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]}
    watched = gradwell("run", "--run-dir", "r", "torchrun", "--standalone", "--nproc_per_node=2", "train.py", cwd=tmp_path, env=path)
    assert watched.returncode == 0, watched.stderr
    assert sorted(watched.stdout.split("\n"))[1:] == ["done 0", "done 1"]
    assert " over 10 steps of 2 ranks" in " ".join(ours(watched.stderr).split()), watched.stderr
    assert "more process" not in watched.stderr
    other = next((tmp_path / "r").glob("record-1-*.sqlite"))
    assert Record.open(other).steps == 10


def test_workers_of_a_data_loader_leave_no_record(tmp_path):
    script(tmp_path, """
import torch
from torch.utils.data import DataLoader, TensorDataset
if __name__ == "__main__":
    torch.manual_seed(0)
    data = TensorDataset(torch.randn(64, 4), torch.arange(64) % 2)
    for how in ("fork", "spawn"):
        model = torch.nn.Linear(4, 2)
        for x, y in DataLoader(data, 16, shuffle=True, num_workers=1, multiprocessing_context=how):
            torch.nn.functional.cross_entropy(model(x), y).backward()
            with torch.no_grad():
                for p in model.parameters():
                    p -= 0.1 * p.grad
                    p.grad = None
    print(model.weight.sum().item())
""")
    watched = gradwell("run", "--run-dir", "r", "train.py", cwd=tmp_path)
    assert watched.returncode == 0, watched.stderr
    assert [path.name for path in (tmp_path / "r").glob("record*.sqlite")] == ["record.sqlite"]


def test_a_script_a_module_and_a_command_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = script(tmp_path, "pass")
    assert launcher.command(["train.py", "-x"], module=False) == [sys.executable, "train.py", "-x"]
    assert launcher.command(["a.b", "-x"], module=True) == [sys.executable, "-m", "a.b", "-x"]
    assert launcher.command([sys.executable, "-x"], module=False) == [sys.executable, "-x"]
    assert launcher.command(["sh", "-x"], module=False)[0].endswith("/sh")
    path.chmod(0o755)
    assert launcher.command(["./train.py"], module=False) == [sys.executable, "./train.py"]
    with pytest.raises(TargetError, match=r"no script 'nosuch\.py' here"):
        launcher.command(["nosuch.py"], module=False)
