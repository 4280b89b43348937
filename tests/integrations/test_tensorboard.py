"""What is written for TensorBoard, read back by its own reader."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from gradwell.integrations.trackers import TensorBoard
from tests.command import inside, ours, script
from tests.integrations.tracking import SICK, numbers, often, same, trained  # noqa: F401 - a fixture

pytest.importorskip("tensorboard", reason="tensorboard is not installed")


def read(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    found.Reload()
    scalars = {tag: {e.step: e.value for e in found.Scalars(tag)} for tag in found.Tags()["scalars"]}
    texts = {tag.removesuffix("/text_summary"): [(e.step, e.tensor_proto.string_val[0].decode()) for e in found.Tensors(tag)]
             for tag in found.Tags()["tensors"]}
    return scalars, texts


def rounded(found):
    """As TensorBoard keeps them: 24 bits."""
    return {name: {step: float(np.float32(value)) for step, value in series.items()} for name, series in found.items()}


def test_numbers_findings_and_report_are_in_the_event_file_and_the_run_is_the_same(tmp_path, often):  # noqa: F811
    session, state = trained(TensorBoard(tmp_path / "logs"))
    assert same(state, trained()[1])
    scalars, texts = read(tmp_path / "logs")
    assert scalars == rounded(numbers(session.record))
    (finding,) = session.findings()
    ((step, text),) = texts["gradwell/GW302 double-softmax at loss"]
    assert step == finding.first_step == 1
    assert finding.cause in text
    assert finding.remedy in text
    assert "GW302 double-softmax" in texts["gradwell/report"][0][1]


def test_run_sends_while_the_script_runs_and_track_sends_it_again(tmp_path):
    script(tmp_path, SICK.format(steps=40, pause=0.1))
    result = inside("run", "--run-dir", "run", "--track", "tensorboard", "train.py", cwd=tmp_path)
    assert result.returncode == 0
    assert "sent to tensorboard in " in ours(result.stderr)
    live, texts = read(tmp_path / "run")
    assert [*texts] == ["gradwell/GW302 double-softmax at loss", "gradwell/report"]
    copy = shutil.copytree(tmp_path / "run", tmp_path / "copy", ignore=shutil.ignore_patterns("events*"))
    again = inside("track", copy, "--to", "tensorboard", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (0, "")
    assert "numbers and 1 finding sent to tensorboard in " in again.stderr
    assert read(copy)[0] == live
    assert live["gradwell/loss"].keys() == set(range(1, 41))
    (tmp_path / "pyproject.toml").write_text('[tool.gradwell]\nignore = ["GW302"]\n')
    assert "numbers and 0 findings sent to tensorboard in " in inside("track", copy, "--to", "tensorboard", cwd=tmp_path).stderr


def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path, capfd):
    (tmp_path / "file").write_text("")
    session, _ = trained(TensorBoard(tmp_path / "file" / "logs"))
    line = capfd.readouterr().err
    assert line.startswith(f"gradwell: tensorboard in {tmp_path}/file/logs failed: ")
    assert line.count("\n") == 1
    assert session.findings()


FULL = """
import resource, signal, sys
from gradwell.integrations.trackers import TensorBoard
from tests.integrations.tracking import trained
tracker = TensorBoard("logs")
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # a file that would be larger is refused, as on a full disk
session, _ = trained(tracker, steps=200)
print(session.record.steps)
"""


def test_a_full_disk_is_told_in_one_line_and_what_was_written_can_be_read(tmp_path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run([sys.executable, "-c", FULL], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "200\n")
    assert result.stderr.startswith("gradwell: tensorboard in logs failed: OSError: [Errno 27] File too large; nothing more")
    assert result.stderr.count("\n") == 1
    read(tmp_path / "logs")


def test_track_of_what_is_no_run_is_one_line(tmp_path):
    result = inside("track", "nowhere", "--to", "tensorboard", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("gradwell: no record at nowhere")
    result = inside("track", "nowhere", "--to", "paper", cwd=tmp_path)
    assert result.returncode == 2
    assert "'tensorboard', 'wandb', 'mlflow', 'trackio'" in result.stderr
