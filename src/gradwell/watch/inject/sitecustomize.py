"""Loaded by Python itself at start-up, because the launcher put this folder on PYTHONPATH: waits for the script to import torch."""


def _begin() -> None:
    import importlib.util
    import os
    import sys

    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path or os.curdir) != here]
    ours = sys.modules.pop("sitecustomize")
    try:
        import sitecustomize  # type: ignore[import-not-found]  # noqa: F401 - the one that this one stands before
    except ModuleNotFoundError as error:
        if error.name != "sitecustomize":
            raise
    finally:
        sys.modules.setdefault("sitecustomize", ours)  # Python's import machinery asks for it once more
    if "gradwell" not in sys.modules:  # load this very package, whatever Python runs the script and whatever it has installed
        home = os.path.dirname(os.path.dirname(here))
        spec = importlib.util.spec_from_file_location("gradwell", os.path.join(home, "__init__.py"), submodule_search_locations=[home])
        if spec is None or spec.loader is None:
            return
        sys.modules["gradwell"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    from gradwell.watch import attach

    attach.await_torch()


try:
    _begin()
except Exception as error:  # noqa: BLE001 - the script runs, whatever happens here
    import sys as _sys

    print(f"gradwell: cannot watch this process: {error}", file=_sys.stderr)  # noqa: T201
