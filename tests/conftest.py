import os
import re

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run beside each other; threads that wait for a busy core cost more than they bring

TOGETHER = ("tests/cli/test_commands.py", "tests/watch/test_compiled.py")  # files whose tests share a fixture that takes long


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """One process does all tests of a rule, and all of a file in TOGETHER. (xdist_group marks do nothing under pytest 9.2.)"""
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    class Scheduler(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file, rule = nodeid.partition("::")[0], re.search(r"\[(GW\d{3})\]", nodeid)
            return rule[1] if rule else file if file in TOGETHER else nodeid

    return Scheduler(config, log)
