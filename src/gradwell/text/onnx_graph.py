"""A text classifier as a graph of ONNX's operations.

hidden = mean of the rows;  p = softmax(output hidden)     (ns, ova: sigmoid; hs: the product of the sigmoids on a label's path)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gradwell.errors import DependencyError, OptionError
from gradwell.text.hashing import EOS
from gradwell.text.quantized import rows_of
from gradwell.text.tree import Tree

if TYPE_CHECKING:
    from gradwell.text.model import Model

LARGEST = 2_000_000_000  # bytes that an ONNX file may hold
ML = "ai.onnx.ml"  # the domain of ONNX's operations for strings and classes
SURE = 40.0  # a score whose sigmoid is 1
Node = tuple[str, list[str], list[str], dict[str, Any]]  # kind, inputs, outputs, attributes


def graph(model: Model) -> bytes:
    """The classifier as the bytes of an ONNX file."""
    try:
        from onnx import TensorProto, helper, numpy_helper
    except ImportError:
        raise DependencyError("ONNX files need onnx; install it with `pip install 'gradwell[onnx]'`") from None
    dim, whole = model.options.dim, not model.options.hashed
    matrix = rows_of(model.input, slice(None))[:, :dim]
    if matrix.nbytes + model.output.nbytes > LARGEST:
        raise OptionError(f"its matrices take {matrix.nbytes + model.output.nbytes:,} bytes, and an ONNX file holds {LARGEST:,} at most")
    constants: dict[str, npt.NDArray[Any]] = {
        "input": np.concatenate([matrix, np.zeros((1, dim), np.float32)]), "output": np.ascontiguousarray(model.output[:, :dim].T),
        "labels": np.array(model.labels, object), "nothing": np.array("", object), "nowhere": np.array(len(matrix)),
        "no": np.array(0.0, np.float32), "one": np.array(1.0, np.float32), "inside": np.array([1]),
    }
    first = words(model, len(matrix), constants) if whole else numbers(constants)
    nodes = [helper.make_node(kind, given, found, domain=ML if kind == "LabelEncoder" else "", **more)
             for kind, given, found, more in first + mean() + answers(model.tree, model.options.loss, constants)]
    info = helper.make_tensor_value_info
    given = info("text", TensorProto.STRING, ["lines"]) if whole else info("rows", TensorProto.INT64, ["lines", "width"])
    found = [info("label", TensorProto.STRING, ["lines"]), info("probabilities", TensorProto.FLOAT, ["lines", len(model.labels)])]
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    made = helper.make_graph(nodes, "gradwell text", [given], found, tensors)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid(ML, 4)]
    return bytes(helper.make_model(made, producer_name="gradwell", opset_imports=opsets, ir_version=10).SerializeToString())


def words(model: Model, nowhere: int, constants: dict[str, npt.NDArray[Any]]) -> list[Node]:
    """From text to rows: its words, and the end of the line where that is a word, too."""
    dictionary = model.dictionary
    known = {entry.decode(): i for i, entry in enumerate(dictionary.entries[: dictionary.nwords]) if is_text(entry)}
    constants |= {"end": np.array([[known.get(EOS.decode(), nowhere)]]), "side": np.array([1])}
    encoder = {"keys_strings": list(known), "values_int64s": list(known.values()), "default_int64": nowhere}
    return [
        ("StringSplit", ["text"], ["split", "count"], {}), ("LabelEncoder", ["split"], ["found"], encoder),
        ("Shape", ["text"], ["lines"], {}), ("Concat", ["lines", "side"], ["column"], {"axis": 0}),
        ("Expand", ["end", "column"], ["ends"], {}), ("Concat", ["found", "ends"], ["places"], {"axis": 1}),
    ]


def numbers(constants: dict[str, npt.NDArray[Any]]) -> list[Node]:
    """From rows as they are given, -1 where there is none, to rows."""
    constants["least"] = np.array(0)
    return [("Less", ["rows", "least"], ["none"], {}), ("Where", ["none", "nowhere", "rows"], ["places"], {})]


def mean() -> list[Node]:
    """From rows to their mean, and whether there is any."""
    return [
        ("Equal", ["places", "nowhere"], ["padding"], {}), ("Where", ["padding", "no", "one"], ["counted"], {}),
        ("ReduceSum", ["counted", "inside"], ["size"], {}), ("Max", ["size", "one"], ["divisor"], {}),
        ("Gather", ["input", "places"], ["vectors"], {}),
        ("ReduceSum", ["vectors", "inside"], ["sum"], {"keepdims": 0}), ("Div", ["sum", "divisor"], ["hidden"], {}),
        ("Greater", ["size", "no"], ["any"], {}), ("MatMul", ["hidden", "output"], ["scores"], {}),
    ]


def answers(tree: Tree | None, loss: str, constants: dict[str, npt.NDArray[Any]]) -> list[Node]:
    """From scores to probabilities and the likeliest label."""
    if tree is not None:
        constants["path"], constants["turns"] = paths(tree)
        constants |= {"depth": np.array([2]), "after": np.array([0, 0, 0, 1]), "sure": np.array(SURE, np.float32)}
        first: list[Node] = [
            ("Pad", ["scores", "after", "sure"], ["padded"], {}), ("Gather", ["padded", "path"], ["passed"], {"axis": 1}),
            ("Mul", ["passed", "turns"], ["turned"], {}), ("Sigmoid", ["turned"], ["steps"], {}),
            ("ReduceProd", ["steps", "depth"], ["p"], {"keepdims": 0}),
        ]
    else:
        first = [("Softmax", ["scores"], ["p"], {"axis": -1}) if loss == "softmax" else ("Sigmoid", ["scores"], ["p"], {})]
    return [
        *first, ("Where", ["any", "p", "no"], ["probabilities"], {}), ("ArgMax", ["p"], ["best"], {"axis": 1, "keepdims": 0}),
        ("Gather", ["labels", "best"], ["likeliest"], {}), ("Squeeze", ["any", "inside"], ["there"], {}),
        ("Where", ["there", "likeliest", "nothing"], ["label"], {}),
    ]


def paths(tree: Tree) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Of each label the rows of `output` on its path, and 1 where it turns right, -1 left; short paths end in what is sure."""
    found, right, starts = tree.paths()
    lengths = np.diff(starts)
    there = np.arange(max(1, lengths.max(initial=1)))[None] < lengths[:, None]
    path = np.full(there.shape, tree.leaves, np.int64)
    turns = np.ones(there.shape, np.float32)
    path[there], turns[there] = found, np.where(right, 1, -1)
    return path, turns


def is_text(entry: bytes) -> bool:
    """Whether bytes are UTF-8."""
    try:
        entry.decode()
    except UnicodeDecodeError:
        return False
    return True
