"""The kernels, compiled by Numba at their first use and kept on disk from then on."""

from gradwell.errors import DependencyError

try:
    import numba  # noqa: F401
except ImportError:
    raise DependencyError("training text models needs numba; install it with `pip install 'gradwell[text]'`") from None
