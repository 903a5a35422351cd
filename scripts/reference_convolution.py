"""Values and gradients of PyTorch's convolutions in 64-bit numbers, for crates/model/tests/convolution.rs:

    python scripts/reference_convolution.py > crates/model/tests/reference_convolution.json

Images are written channels last, weights as [kernel height, kernel width, channels, filters]. Inputs are multiples of 1/8,
which 32-bit numbers hold exactly.
"""

import json

import torch
from torch.nn.functional import conv2d, conv_transpose2d

# image, channels, filters, kernel, stride, padding
CASES = [
    ([1, 1], 1, 1, [1, 1], [1, 1], [0, 0]),
    ([8, 8], 1, 3, [4, 4], [2, 2], [1, 1]),
    ([7, 9], 3, 4, [3, 3], [2, 2], [1, 1]),
    ([5, 6], 2, 3, [3, 2], [1, 1], [0, 1]),
    ([10, 7], 2, 5, [5, 3], [3, 2], [2, 0]),
    ([9, 9], 4, 2, [1, 1], [2, 2], [0, 0]),
    ([6, 5], 3, 2, [6, 5], [1, 1], [0, 0]),
]
BATCH = 2


def eighths(generator, *shape):
    return torch.randint(-8, 9, shape, generator=generator).double() / 8


def flat(tensor):
    return tensor.detach().flatten().tolist()


def reference(generator, case, transposed):
    image, channels, filters, kernel, stride, padding = case
    positions = [(image[a] + 2 * padding[a] - kernel[a]) // stride[a] + 1 for a in (0, 1)]
    inputs, outputs = (filters, channels) if transposed else (channels, filters)
    input = eighths(generator, BATCH, *(positions if transposed else image), inputs).requires_grad_()
    weight = eighths(generator, *kernel, channels, filters).requires_grad_()
    bias = eighths(generator, outputs).requires_grad_()
    first, ours = input.permute(0, 3, 1, 2), weight.permute(3, 2, 0, 1)
    if transposed:
        skipped = [image[a] + 2 * padding[a] - (positions[a] - 1) * stride[a] - kernel[a] for a in (0, 1)]
        sums = conv_transpose2d(first, ours, bias, stride, padding, skipped)
    else:
        sums = conv2d(first, ours, bias, stride, padding)
    output = sums.permute(0, 2, 3, 1).relu()
    upstream = eighths(generator, *output.shape)
    (output * upstream).sum().backward()
    return {
        "image": image,
        "channels": channels,
        "filters": filters,
        "kernel": kernel,
        "stride": stride,
        "padding": padding,
        "transposed": transposed,
        "input": flat(input),
        "weight": flat(weight),
        "bias": flat(bias),
        "upstream": flat(upstream),
        "output": flat(output),
        "of_input": flat(input.grad),
        "of_weight": flat(weight.grad),
        "of_bias": flat(bias.grad),
    }


generator = torch.Generator().manual_seed(0)
cases = [reference(generator, case, transposed) for case in CASES for transposed in (False, True)]
print(json.dumps(cases))
