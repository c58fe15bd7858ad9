"""The trunk that fire and water look through: EfficientNet-Lite0 as published, up to the second block of stride 32 (8 MB is what a
model file may weigh).

ImageNet taught it textures and materials, which flames, smoke and water are; COCO's detectors know things with edges. It has neither
squeeze-and-excitation nor swish (ReLU6), and stays as published: only small heads on it are trained.
Batch normalisation is folded into the convolutions. Pictures go in as BGR 0..255, NCHW; sides must be multiples of 32.
"""

import torch
from torch import nn
from torch.nn import functional as F

# Blocks: channels out, stride, kernel, expansion (https://arxiv.org/abs/1905.11946, table 1; Lite0 leaves the scale at 1).
BLOCKS = (
    (16, 1, 3, 1),
    (24, 2, 3, 6), (24, 1, 3, 6),
    (40, 2, 5, 6), (40, 1, 5, 6),
    (80, 2, 3, 6), (80, 1, 3, 6), (80, 1, 3, 6),
    (112, 1, 5, 6), (112, 1, 5, 6), (112, 1, 5, 6),
    (192, 2, 5, 6), (192, 1, 5, 6),
)  # fmt: skip
# Blocks after which stride 8, 16 and 32 are read, and their channels.
READ = (4, 10, 12)
CHANNELS = (40, 112, 192)
# Pixels are (p - 127) / 128, and the variance of every normalisation gets this much more.
MEAN, SPREAD, EPSILON = 127.0, 128.0, 1e-3


class Same(nn.Conv2d):
    """Convolution padded as TensorFlow pads it: what is odd goes to the right and below."""

    def __init__(self, c_in, c_out, kernel, stride=1, groups=1):
        super().__init__(c_in, c_out, kernel, stride, 0, groups=groups)
        before, after = (kernel - stride) // 2, kernel - stride - (kernel - stride) // 2
        self.around = (before, after, before, after) if stride == 2 else None
        if stride == 1:
            self.padding = ((kernel - 1) // 2,) * 2

    def forward(self, x):
        return super().forward(F.pad(x, self.around) if self.around else x)


class Block(nn.Module):
    """Inverted bottleneck: widen, look around, narrow."""

    def __init__(self, c_in, c_out, stride, kernel, expansion):
        super().__init__()
        wide = c_in * expansion
        self.expand = Same(c_in, wide, 1) if expansion > 1 else nn.Identity()
        self.depthwise = Same(wide, wide, kernel, stride, wide)
        self.project = Same(wide, c_out, 1)
        self.shortcut = stride == 1 and c_in == c_out

    def forward(self, x):
        y = F.relu6(self.expand(x)) if isinstance(self.expand, Same) else x
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.shortcut else y


class Trunk(nn.Module):
    """Maps of stride 8, 16 and 32 with 40, 112 and 192 channels."""

    def __init__(self):
        super().__init__()
        self.stem = Same(3, 32, 3, 2)
        c_ins = (32, *(b[0] for b in BLOCKS[:-1]))
        self.blocks = nn.ModuleList(Block(c_in, *b) for c_in, b in zip(c_ins, BLOCKS))

    def forward(self, x):
        x = F.relu6(self.stem((x - MEAN) / SPREAD))
        maps = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in READ:
                maps.append(x)
        return tuple(maps)


def load_published(trunk, path):
    """Copies the published weights (a PyTorch state dictionary, `models/efficientnet-lite0-57934424.pth`) into a trunk."""
    state = torch.load(path)

    def copy(conv, weight, norm):
        scale = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + EPSILON).sqrt()
        conv.weight.copy_(state[f"{weight}.weight"] * scale[:, None, None, None])
        conv.bias.copy_(state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale)

    with torch.no_grad():
        copy(trunk.stem, "_conv_stem", "_bn0")
        trunk.stem.weight.copy_(trunk.stem.weight.flip(1))  # trained on RGB
        for index, block in enumerate(trunk.blocks):
            at = f"_blocks.{index}"
            if isinstance(block.expand, Same):
                copy(block.expand, f"{at}._expand_conv", f"{at}._bn0")
            copy(block.depthwise, f"{at}._depthwise_conv", f"{at}._bn1")
            copy(block.project, f"{at}._project_conv", f"{at}._bn2")
    return trunk
