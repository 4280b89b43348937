"""The kernels, compiled by Numba at their first use and kept on disk from then on."""

from contextlib import suppress
from pathlib import Path

from gradwell.errors import DependencyError
from gradwell.text import alone

try:
    import numba  # noqa: F401
except ImportError:
    raise DependencyError("this needs numba; install it with `pip install 'gradwell[text]'`") from None


def forget_what_is_stale() -> None:
    """Delete compiled kernels older than any of the sources: Numba itself looks only at the file a kernel stands in."""
    folder = Path(__file__).parent
    newest = max(source.stat().st_mtime for source in folder.glob("*.py"))
    for compiled in folder.glob("__pycache__/*.nb[ic]"):
        with suppress(FileNotFoundError):  # another process that starts now may be quicker
            if compiled.stat().st_mtime < newest:
                compiled.unlink()


forget_what_is_stale()
if alone.yes:
    alone.without_blas()
