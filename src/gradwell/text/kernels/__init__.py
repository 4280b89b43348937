"""The kernels, compiled by Numba at their first use and kept on disk from then on."""

from contextlib import suppress
from pathlib import Path

from gradwell.errors import DependencyError

try:
    import numba.np.linalg as linear_algebra
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


def start_without_scipy() -> None:
    """Keep Numba from loading SciPy's linear algebra at its start, a quarter of a second, until a kernel needs it: none of ours does."""
    ensure = linear_algebra.ensure_blas
    linear_algebra.ensure_blas = lambda: None
    try:
        import numba.np.arraymath  # noqa: F401 - it asks once, and the kernels that multiply matrices ask again
    finally:
        linear_algebra.ensure_blas = ensure


start_without_scipy()
