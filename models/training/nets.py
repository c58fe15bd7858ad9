"""The networks: YOLOX-nano for vehicles, and the small heads on the trunk (`trunk.py`, `eye.py`) for fire and for water.

Batch normalisation is folded into the convolutions, as in the published ONNX file of YOLOX-nano (Apache-2.0, Megvii) that the
vehicle model starts from: its 113 convolutions, in graph order, are ours in the order of `modules()`.
Pictures go in as BGR 0..255, NCHW; sides must be multiples of 32.
"""

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn import functional as F

STRIDES = (8, 16, 32)
# The first two stages, kept as published: they see edges and colours already.
EARLY = ("backbone.stem", "backbone.dark2")
# Rows of the COCO head that our six vehicle classes start from: person, bicycle, motorcycle, car, bus, truck.
COCO_ROWS = (0, 1, 3, 2, 5, 7)


class Conv(nn.Module):
    """Convolution and SiLU (or ReLU: `activate`); the normalisation is folded into the weights."""

    def __init__(self, c_in, c_out, kernel=1, stride=1, groups=1):
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride, (kernel - 1) // 2, groups=groups)
        self.activation = F.silu

    def forward(self, x):
        return self.activation(self.conv(x))


class Separable(nn.Sequential):
    """Depthwise, then pointwise."""

    def __init__(self, c_in, c_out, kernel=3, stride=1):
        super().__init__(Conv(c_in, c_in, kernel, stride, c_in), Conv(c_in, c_out))


class Bottleneck(nn.Module):
    def __init__(self, channels, shortcut):
        super().__init__()
        self.conv1 = Conv(channels, channels)
        self.conv2 = Separable(channels, channels)
        self.shortcut = shortcut

    def forward(self, x):
        y = self.conv2(self.conv1(x))
        return x + y if self.shortcut else y


class Csp(nn.Module):
    """Cross-stage partial block: half of the channels go through the bottlenecks."""

    def __init__(self, c_in, c_out, count, shortcut):
        super().__init__()
        half = c_out // 2
        self.conv1 = Conv(c_in, half)
        self.conv2 = Conv(c_in, half)
        self.inner = nn.Sequential(*(Bottleneck(half, shortcut) for _ in range(count)))
        self.conv3 = Conv(2 * half, c_out)

    def forward(self, x):
        a, b = self.conv1(x), self.conv2(x)
        return self.conv3(torch.cat((self.inner(a), b), 1))


class Spp(nn.Module):
    """Spatial pyramid pooling."""

    def __init__(self, channels):
        super().__init__()
        self.conv1 = Conv(channels, channels // 2)
        self.conv2 = Conv(channels * 2, channels)

    def forward(self, x):
        x = self.conv1(x)
        pools = [F.max_pool2d(x, k, 1, k // 2) for k in (5, 9, 13)]
        return self.conv2(torch.cat((x, *pools), 1))


class Backbone(nn.Module):
    """CSPDarknet, width 0.25, depth 0.33: features of stride 8, 16 and 32 with 64, 128 and 256 channels."""

    def __init__(self):
        super().__init__()
        self.stem = Conv(12, 16, 3)
        self.dark2 = nn.Sequential(Separable(16, 32, stride=2), Csp(32, 32, 1, True))
        self.dark3 = nn.Sequential(Separable(32, 64, stride=2), Csp(64, 64, 3, True))
        self.dark4 = nn.Sequential(Separable(64, 128, stride=2), Csp(128, 128, 3, True))
        self.dark5 = nn.Sequential(Separable(128, 256, stride=2), Spp(256), Csp(256, 256, 1, False))

    def forward(self, x):
        focus = (x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2])
        c3 = self.dark3(self.dark2(self.stem(torch.cat(focus, 1))))
        c4 = self.dark4(c3)
        return c3, c4, self.dark5(c4)


class TopDown(nn.Module):
    """The upper half of the feature pyramid: deep features come down to stride 8."""

    def __init__(self):
        super().__init__()
        self.lateral5 = Conv(256, 128)
        self.merge4 = Csp(256, 128, 1, False)
        self.lateral4 = Conv(128, 64)
        self.merge3 = Csp(128, 64, 1, False)

    def forward(self, c3, c4, c5):
        p5 = self.lateral5(c5)
        p4 = self.lateral4(self.merge4(torch.cat((F.interpolate(p5, scale_factor=2.0), c4), 1)))
        p3 = self.merge3(torch.cat((F.interpolate(p4, scale_factor=2.0), c3), 1))
        return p3, p4, p5


class BottomUp(nn.Module):
    """The lower half: detail goes back up to strides 16 and 32."""

    def __init__(self):
        super().__init__()
        self.down3 = Separable(64, 64, stride=2)
        self.merge4 = Csp(128, 128, 1, False)
        self.down4 = Separable(128, 128, stride=2)
        self.merge5 = Csp(256, 256, 1, False)

    def forward(self, p3, p4, p5):
        n4 = self.merge4(torch.cat((self.down3(p3), p4), 1))
        n5 = self.merge5(torch.cat((self.down4(n4), p5), 1))
        return p3, n4, n5


class Head(nn.Module):
    """Decoupled head of one level: (dx, dy, log w, log h), objectness and class logits."""

    def __init__(self, c_in, classes):
        super().__init__()
        self.stem = Conv(c_in, 64)
        self.cls_convs = nn.Sequential(Separable(64, 64), Separable(64, 64))
        self.cls = nn.Conv2d(64, classes, 1)
        self.reg_convs = nn.Sequential(Separable(64, 64), Separable(64, 64))
        self.reg = nn.Conv2d(64, 4, 1)
        self.obj = nn.Conv2d(64, 1, 1)

    def forward(self, x):
        x = self.stem(x)
        c, r = self.cls_convs(x), self.reg_convs(x)
        return torch.cat((self.reg(r), self.obj(r), self.cls(c)), 1)


class Detector(nn.Module):
    """YOLOX-nano. Output [batch, anchors, 5 + classes], undecoded; probabilities when `probabilities`, else logits (for the loss)."""

    def __init__(self, classes):
        super().__init__()
        self.backbone, self.top_down, self.bottom_up = Backbone(), TopDown(), BottomUp()
        self.heads = nn.ModuleList(Head(c, classes) for c in (64, 128, 256))
        self.probabilities = False

    def maps(self, x):
        """The backbone's three maps and the three that the heads read."""
        deep = self.backbone(x)
        return deep, self.bottom_up(*self.top_down(*deep))

    def forward(self, x):
        return self.predict(self.maps(x)[1])

    def predict(self, levels):
        """The heads' rows of the three maps."""
        rows = [head(level) for head, level in zip(self.heads, levels)]
        if self.probabilities:
            rows = [torch.cat((r[:, :4], r[:, 4:].sigmoid()), 1) for r in rows]
        return torch.cat([r.flatten(2) for r in rows], 2).transpose(1, 2)


def activate(net, activation):
    """Gives every convolution of a net another activation; the weights stay, and have to learn it."""
    for module in net.modules():
        if isinstance(module, Conv):
            module.activation = activation
    return net


def take_in(conv, mean, spread):
    """Moves the normalisation of a map (mean and spread of its channels) into the convolution that reads it."""
    with torch.no_grad():
        weight = conv.weight / spread.ravel()[None, :, None, None]
        conv.bias -= (weight * mean.ravel()[None, :, None, None]).sum((1, 2, 3))
        conv.weight.copy_(weight)


def rescale(conv, row, factor, shift):
    """Makes one output of a convolution `factor` times itself plus `shift`."""
    with torch.no_grad():
        conv.weight[row] *= factor
        conv.bias[row] = conv.bias[row] * factor + shift


class WaterHead(nn.Module):
    """Water in cells of 8 x 8 pixels from the trunk's maps: deep ones come down, wide separable convolutions look around."""

    def __init__(self, channels, width=64):
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.around = nn.ModuleList(Separable(width, width, 5) for _ in channels)
        self.mask = nn.Sequential(Separable(width, width, 5), nn.Conv2d(width, 1, 1))
        self.probabilities = False

    def forward(self, maps):
        y = None
        for lateral, around, x in reversed(list(zip(self.lateral, self.around, maps))):
            x = lateral(x)
            y = around(F.silu(x if y is None else x + F.interpolate(y, scale_factor=2.0)))
        return self.mask(y).sigmoid() if self.probabilities else self.mask(y)

    def settle(self, scale, factor, shift):
        """Reads maps as they are where it learned on normalised ones, and says its scores `factor` times, plus `shift`."""
        for lateral, (mean, spread) in zip(self.lateral, scale):
            take_in(lateral, mean, spread)
        rescale(self.mask[-1], 0, factor, shift)


class FireHead(nn.Module):
    """Fire and smoke in cells of 16 x 16 pixels from the trunk's maps side by side: mean and maximum of stride 8, stride 16, stride 32 doubled.

    Output [batch, cells, 5 + classes] as a Detector's: box, objectness (always one), classes; a score is its class's alone."""

    def __init__(self, channels, classes, width=80):
        super().__init__()
        self.cells = nn.Sequential(Conv(channels[0] + sum(channels), width), Separable(width, width, 5), Separable(width, width, 5), nn.Conv2d(width, 4 + classes, 1))
        # Nothing is said at first, and boxes are a few cells wide.
        self.cells[-1].bias.data[:] = torch.tensor((0, 0, 1.5, 1.5, *(-2.0 for _ in range(classes))))
        self.probabilities = False

    def forward(self, maps):
        c3, c4, c5 = maps
        y = self.cells(torch.cat((F.avg_pool2d(c3, 2), F.max_pool2d(c3, 2), c4, F.interpolate(c5, scale_factor=2.0)), 1)).flatten(2).transpose(1, 2)
        box, classes = y[..., :4], y[..., 4:]
        if self.probabilities:
            return torch.cat((box, torch.ones_like(box[..., :1]), classes.sigmoid()), 2)
        return torch.cat((box, torch.full_like(box[..., :1], 20.0), classes), 2)

    def settle(self, scale, factors):
        """Reads maps as they are where it learned on normalised ones, and says the scores of each class (factor, shift) times and plus."""
        take_in(self.cells[0].conv, *(torch.cat([s[part] for s in (scale[0], *scale)]) for part in (0, 1)))
        for row, (factor, shift) in enumerate(factors, 4):
            rescale(self.cells[-1], row, factor, shift)


def published_convolutions(path):
    """(weight, bias) of every convolution of an ONNX file, in graph order."""
    graph = onnx.load(path).graph
    tensors = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    return [(tensors[n.input[1]], tensors[n.input[2]]) for n in graph.node if n.op_type == "Conv"]


def start_from_published(net, path, class_rows):
    """Copies the published YOLOX-nano weights into a Detector; `class_rows` picks rows of the 80-class heads."""
    convs = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    class_heads = [h.cls for h in net.heads]
    with torch.no_grad():
        for conv, (weight, bias) in zip(convs, published_convolutions(path)):
            if conv in class_heads:
                weight, bias = weight[list(class_rows)], bias[list(class_rows)]
            conv.weight.copy_(torch.from_numpy(weight.copy()))
            conv.bias.copy_(torch.from_numpy(bias.copy()))
    return net


def cell_grid(width, height, stride):
    """Column, row and stride of every cell of one output level, [cells, 3], in output order."""
    rows, cols = np.mgrid[0 : height // stride, 0 : width // stride]
    return np.stack((cols.ravel(), rows.ravel(), np.full(rows.size, stride)), 1).astype(np.float32)


def anchor_grid(width, height, strides=STRIDES):
    """The cells of all output levels, [anchors, 3]."""
    return np.concatenate([cell_grid(width, height, stride) for stride in strides])
