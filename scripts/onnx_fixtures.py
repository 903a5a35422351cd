"""Writes the first seeds of the fuzz target `onnx`, fuzz/seeds/onnx, and networks of ill will, tests/data/onnx.

    python3 -m venv env && env/bin/pip install onnx==1.23.2 && env/bin/python scripts/onnx_fixtures.py
"""

from pathlib import Path

import numpy as np
from onnx import TensorProto, external_data_helper, helper, numpy_helper

REPOSITORY = Path(__file__).resolve().parent.parent
RANDOM = np.random.default_rng(0)
FLOAT = TensorProto.FLOAT


def constant(name, values, dtype=np.float32):
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def weights(name, *shape):
    return constant(name, RANDOM.normal(size=shape) * 0.3)


def node(kind, inputs, outputs, **attributes):
    return helper.make_node(kind, inputs.split(), outputs.split(), **attributes)


def model(nodes, shape, constants=(), outputs=("y",), output_type=FLOAT, opset=18):
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info("x", FLOAT, shape)],
        [helper.make_tensor_value_info(name, output_type, None) for name in outputs],
        list(constants),
    )
    # The oldest version of the format that has what is in them.
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def external(size, location="a.onnx.data"):
    """A product whose weights are in the file beside it."""
    tensor = weights("w", 2, 4)
    external_data_helper.set_external_data(tensor, location, offset=0, length=size)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    return model([node("MatMul", "x w", "y")], ["rows", 2], [tensor])


def looped(times):
    body = helper.make_graph(
        [node("Identity", "go", "still"), node("Tanh", "value", "next")],
        "body",
        [
            helper.make_tensor_value_info("number", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("value", FLOAT, None),
        ],
        [helper.make_tensor_value_info("still", TensorProto.BOOL, []), helper.make_tensor_value_info("next", FLOAT, None)],
    )
    constants = [constant("times", times, np.int64), constant("yes", True, bool)]
    return model([node("Loop", "times yes x", "y", body=body)], ["rows", 2], constants)


def branched():
    branches = [
        helper.make_graph([node(kind, "x", "out")], kind, [], [helper.make_tensor_value_info("out", FLOAT, None)])
        for kind in ("Relu", "Neg")
    ]
    nodes = [
        node("ReduceMax", "x", "most", keepdims=0),
        node("Greater", "most zero", "positive"),
        node("If", "positive", "y", then_branch=branches[0], else_branch=branches[1]),
    ]
    return model(nodes, ["rows", 2], [constant("zero", 0.0)])


def of_numbers(*shape):
    """A network that gives so many numbers, whatever goes in."""
    return model(
        [node("ConstantOfShape", "shape", "many"), node("ReduceSum", "many", "sum", keepdims=0), node("Add", "x sum", "y")],
        ["rows", 2],
        [constant("shape", shape, np.int64)],
    )


CODES, IMAGES = ["rows", 2], ["rows", 1, 8, 8]
KERNEL = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
NORM = [constant(name, [1.0, 0.5]) for name in ("scale", "bias", "mean", "var")]
PLANES = [weights("w", 2, 1, 3, 3), weights("b", 2)]

SEEDS = {
    "dense": model(
        [node("Gemm", "x w b", "h", transB=1), node("Relu", "h", "a"), node("MatMul", "a v", "l"), node("Sigmoid", "l", "y")],
        CODES,
        [weights("w", 4, 2), weights("b", 4), weights("v", 4, 64)],
    ),
    "two_outputs": model(
        [node("Flatten", "x", "f"), node("MatMul", "f w", "h"), node("Split", "h", "mean log_var", axis=1, num_outputs=2)],
        IMAGES,
        [weights("w", 64, 4)],
        ["mean", "log_var"],
    ),
    "convolutions": model(
        [
            node("Conv", "x w b", "h", strides=[2, 2], **KERNEL),
            node("BatchNormalization", "h scale bias mean var", "n"),
            node("LeakyRelu", "n", "a", alpha=0.1),
            node("GlobalAveragePool", "a", "p"),
            node("Flatten", "p", "y"),
        ],
        IMAGES,
        [*PLANES, *NORM],
    ),
    "transposed": model(
        [
            node("Unsqueeze", "x axes", "u"),
            node("Reshape", "u shape", "r"),
            node("ConvTranspose", "r w", "h", strides=[2, 2], output_padding=[1, 1], group=1, **KERNEL),
            node("PRelu", "h slope", "a"),
            node("Resize", "a none scales", "s", mode="linear"),
            node("Transpose", "s", "y", perm=[0, 2, 3, 1]),
        ],
        CODES,
        [
            weights("w", 2, 1, 3, 3),
            constant("axes", [2, 3], np.int64),
            constant("shape", [-1, 2, 1, 1], np.int64),
            constant("slope", [0.2]),
            constant("none", []),
            constant("scales", [1.0, 1.0, 2.0, 2.0]),
        ],
    ),
    "pools": model(
        [
            node("Pad", "x pads", "p", mode="reflect"),
            node("MaxPool", "p", "m", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
            node("AveragePool", "m", "a", kernel_shape=[2, 2], count_include_pad=1),
            node("Concat", "a a a a", "d", axis=1),
            node("DepthToSpace", "d", "s", blocksize=2),
            node("ReduceMean", "s", "y", keepdims=0, axes=[2, 3]),
        ],
        IMAGES,
        [constant("pads", [0, 0, 1, 1, 0, 0, 1, 1], np.int64)],
        opset=17,
    ),
    "norms": model(
        [
            node("LayerNormalization", "x scale bias", "n", axis=-1),
            node("Gelu", "n", "g"),
            node("Softmax", "g", "s", axis=-1),
            node("Clip", "s low high", "y"),
        ],
        CODES,
        [*NORM[:2], constant("low", 0.1), constant("high", 0.9)],
        opset=20,
    ),
    "shapes": model(
        [
            node("Shape", "x", "n"),
            node("Gather", "n first", "r"),
            node("Concat", "r two", "s", axis=0),
            node("Expand", "w s", "e"),
            node("ConstantOfShape", "s", "c"),
            node("Slice", "e starts ends steps", "l"),
            node("Cast", "x", "b", to=TensorProto.BOOL),
            node("Where", "b l c", "o"),
            node("Einsum", "x o", "y", equation="ij,ij->ij"),
        ],
        CODES,
        [
            weights("w", 1, 2),
            constant("first", [0], np.int64),
            constant("two", [2], np.int64),
            constant("starts", [0], np.int64),
            constant("ends", [9], np.int64),
            constant("steps", [1], np.int64),
        ],
    ),
    "sequences": model(
        [node("Unsqueeze", "x axes", "u"), node("LSTM", "u w r", "a h c", hidden_size=2), node("Squeeze", "h axes", "y")],
        CODES,
        [weights("w", 1, 8, 2), weights("r", 1, 8, 2), constant("axes", [0], np.int64)],
    ),
    "quantised": model(
        [
            node("QuantizeLinear", "x step zero", "q"),
            node("DequantizeLinear", "q step zero", "d"),
            node("DynamicQuantizeLinear", "d", "u s z"),
            node("MatMulInteger", "u w z", "i"),
            node("Cast", "i", "y", to=FLOAT),
        ],
        CODES,
        [constant("step", 0.1), constant("zero", 3, np.uint8), constant("w", [[1, 2], [3, 4]], np.int8)],
    ),
    "tiles": model(
        [
            node("Tile", "x times", "t"),
            node("TopK", "t k", "v i", axis=1),
            node("GatherElements", "t i", "g", axis=1),
            node("CumSum", "g axis", "c"),
            node("ScatterND", "c at with", "s"),
            node("Range", "low high step", "r"),
            node("Mul", "s r", "y"),
        ],
        CODES,
        [
            constant("times", [1, 2], np.int64),
            constant("k", [3], np.int64),
            constant("axis", 1, np.int64),
            constant("at", [[0, 1]], np.int64),
            constant("with", [2.0]),
            constant("low", 0.0),
            constant("high", 3.0),
            constant("step", 1.0),
        ],
    ),
    "external": external(32),
    "loop": looped(3),
    "branches": branched(),
    "integers": model([node("ArgMax", "x", "y", axis=1)], CODES, output_type=TensorProto.INT64),
    "fixed_rows": model([node("Tanh", "x", "y")], [4, 2]),
}

HOSTILE = {
    "inside": external(32),
    "outside": external(32, "../a.onnx.data"),
    # 128 TB of weights.
    "weights": external(1 << 47),
    # 4 PB while it runs, or when its constants are folded.
    "memory": of_numbers(1 << 25, 1 << 25),
    "time": looped(1 << 62),
}


def main():
    for folder, models in (("fuzz/seeds/onnx", SEEDS), ("tests/data/onnx", HOSTILE)):
        (REPOSITORY / folder).mkdir(parents=True, exist_ok=True)
        for name, network in models.items():
            (REPOSITORY / folder / f"{name}.onnx").write_bytes(network.SerializeToString())


if __name__ == "__main__":
    main()
