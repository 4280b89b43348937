"""Loaded by Python itself at start-up, because the launcher put this folder on PYTHONPATH: waits for the script to import torch.

It imports nothing, so that the script starts as it would without us and finds the same modules under the same names.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
VARIABLE = "GRADWELL_RUN"


class Finder:
    """Finds torch as everybody would, and adds a word to what happens when it is loaded."""

    searching = False

    def find_spec(self, name, path=None, target=None):
        """Answer for `torch` alone; a script may also ask for it without importing it."""
        if name != "torch" or self.searching:
            return None
        self.searching = True
        try:
            finders = [finder for finder in sys.meta_path if finder is not self and hasattr(finder, "find_spec")]
            spec = next((found for finder in finders if (found := finder.find_spec(name, path, target)) is not None), None)
        finally:
            self.searching = False
        if spec is None:
            tell("missed", "torch is not installed for " + sys.executable)
        elif spec.loader is not None:
            spec.loader = Loader(spec.loader, self)
        return spec


class Loader:
    """Loads torch by its own loader, then has the watcher started."""

    def __init__(self, loader, finder):
        self.loader, self.finder = loader, finder

    def __getattr__(self, name):
        return getattr(self.loader, name)

    def exec_module(self, module):
        """Run the module as if we were not here; no frame of ours stays in the traceback of its errors."""
        module.__loader__ = module.__spec__.loader = self.loader
        try:
            self.loader.exec_module(module)
        except BaseException as error:
            tell("missed", "torch could not be imported: " + type(error).__name__ + ": " + str(error).split("\n")[0])
            error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
            raise
        if self.finder in sys.meta_path:
            sys.meta_path.remove(self.finder)
            tell("start", str(getattr(module, "__version__", "0.0")))


def tell(what, word):
    """Call a function of `gradwell.watch.attach`: of this very package, whatever Python runs the script and whatever it has installed."""
    try:
        if "gradwell" not in sys.modules:
            import importlib.util

            home = os.path.dirname(os.path.dirname(HERE))
            spec = importlib.util.spec_from_file_location("gradwell", os.path.join(home, "__init__.py"), submodule_search_locations=[home])
            assert spec is not None
            assert spec.loader is not None
            sys.modules["gradwell"] = module = importlib.util.module_from_spec(spec)
            try:
                spec.loader.exec_module(module)
            except BaseException:
                del sys.modules["gradwell"]
                raise
        from gradwell.watch import attach

        getattr(attach, what)(word)
    except Exception as error:  # noqa: BLE001 - the script runs, whatever happens here
        if sys.stderr is not None:
            print("gradwell: cannot watch this process:", type(error).__name__, error, file=sys.stderr)  # noqa: T201


def give_way():
    """Load the sitecustomize that this one stands before; what it raises, Python reports as ever."""
    sys.path[:] = [path for path in sys.path if os.path.abspath(path or os.curdir) != HERE]
    ours = sys.modules.pop("sitecustomize")
    try:
        import sitecustomize  # noqa: F401
    finally:
        sys.modules.setdefault("sitecustomize", ours)  # Python's import machinery asks for it once more


if os.environ.get(VARIABLE):
    sys.meta_path.insert(0, Finder())
give_way()
