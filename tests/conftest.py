import os
import re
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run beside each other; threads that wait for a busy core cost more than they bring

TOGETHER = {  # what takes long and is shared: models, compiled kernels, the first use of torch.compile, a record
    "text": ("tests/text/", "tests/cli/test_text.py"),
    "translate": ("tests/translate/",),
    "vision": ("tests/vision/",),
    "report": ("tests/report/",),
    "serve": ("tests/serve/",),
    "programs": ("tests/watch/test_hostile.py", "tests/watch/test_launcher.py", "tests/watch/test_watcher.py"),  # long, so not at the end
    "ranks": ("tests/watch/test_ranks.py",),  # pairs of processes
    **{file: (file,) for file in (
        "tests/cli/test_bad_input.py", "tests/cli/test_commands.py", "tests/cli/test_cure.py", "tests/cli/test_inspect.py",
        "tests/cli/test_ci.py", "tests/cli/test_project.py", "tests/cli/test_translate.py", "tests/cli/test_vision.py",
        "tests/integrations/test_pytest_plugin.py", "tests/watch/test_compiled.py", "tests/watch/test_layers.py",
    )},
}


@pytest.fixture(scope="session", autouse=True)
def patience():
    """A second look takes as long as it takes on a busy machine: the tests are about what it finds."""
    from gradwell.watch import looks

    looks.PATIENCE = 1000.0


CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="module")
def browser():
    """Chromium without a head."""
    if not CHROMIUM.exists():
        pytest.skip(f"there is no browser at {CHROMIUM}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def unit(nodeid):
    """What one process does alone: all tests of a rule or claim, of a group in TOGETHER, or this test. The largest units begin first."""
    rule = re.search(r"test_rules.*\[(GW\d{3})\]|test_experiments.*\[([a-z0-9-]+)\]", nodeid)
    return rule[1] or rule[2] if rule else next((name for name, files in TOGETHER.items() if nodeid.startswith(files)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Deals out units. (xdist_group marks do nothing under pytest 9.2.)"""
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    class Scheduler(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return unit(nodeid)

    return Scheduler(config, log)
