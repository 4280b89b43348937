"""Whether this process is ours alone, as the command line's is; then Numba starts in half the time."""

yes = False  # set by the command line


def without_blas() -> None:
    """Keep Numba from loading SciPy's linear algebra: a quarter of a second, and no kernel of ours multiplies matrices with it."""
    from numba.np import linalg

    def nothing() -> None:
        raise ImportError

    linalg.ensure_blas = nothing  # then Numba knows no `np.dot`, and goes on
