"""From a torch module to the bytes of an ONNX file."""

from __future__ import annotations

import logging
import warnings
from typing import Any


def exported(module: Any, example: tuple[Any, ...], inputs: list[str], outputs: list[str], dynamic: dict[str, Any]) -> bytes:
    """The module as ONNX. `example` are inputs of any size, `dynamic` names by input the axes whose size may differ.

    Raises DependencyError when onnx or onnxscript is missing.
    """
    import torch

    from gradwell.errors import DependencyError

    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise DependencyError(f"ONNX files need {error.name}; install it with `pip install 'gradwell[onnx]'`") from None
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)  # it tells of packages that are not needed
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own future
            program: Any = torch.onnx.export(
                module, example, input_names=inputs, output_names=outputs, dynamic_shapes=dynamic, dynamo=True, verbose=False)
    finally:
        exporter.setLevel(level)
    data: bytes = program.model_proto.SerializeToString()
    return data
