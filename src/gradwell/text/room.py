"""How much memory is free, for whoever must not take too much of it."""

from __future__ import annotations

import math
from pathlib import Path

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")


def free_memory() -> float:
    """Bytes that can still be used, by the machine and by the group that this process belongs to; infinity where that is not told."""
    free = math.inf
    try:
        for line in MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                free = 1024.0 * int(line.split()[1])
        most, used = (CGROUP / "memory.max").read_text().strip(), (CGROUP / "memory.current").read_text()
        if most != "max":
            free = min(free, int(most) - int(used))
    except (OSError, ValueError):
        pass
    return free
