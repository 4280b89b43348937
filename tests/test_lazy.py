"""Names that are imported when they are asked for."""

from importlib import import_module

import pytest


@pytest.mark.parametrize("package", ["text", "translate", "vision"])
def test_every_name_of_a_package_is_there_and_listed_and_no_other(package):
    module = import_module(f"gradwell.{package}")
    assert set(module.__all__) <= set(dir(module))
    assert all(hasattr(module, name) for name in dir(module))
    with pytest.raises(AttributeError, match=f"module 'gradwell.{package}' has no attribute 'nothing'"):
        _ = module.nothing
