"""The trunk as the gateway runs it: an ONNX file, made once a size, through which heads are taught to see.

    python eye.py FILE.onnx OUT.onnx       a whole model with its padding taken in, and beside it, as OUT.int8.onnx, with its trunk in eight bits

Padding goes into the convolutions: on its own it costs a fifth of the time, for the same answers. Eight bits: activations U8, weights S8 by
channel, kept to seven bits, for on x86 processors without VNNI two full products overflow sixteen bits and the file answers differently there.
Ranges come from training pictures. Heads stay fp32: they are small, and their answers are probabilities.
"""

import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from common import data_root, manifest, published_trunk, shown, work_root
from trunk import Trunk, load_published

MAPS = ("c3", "c4", "c5")
# Ranges are taken from about so many training pictures, every so manieth of all sets.
PICTURES = 60
SETS = ("bridge", "highway", "cctv", "urban-smoke", "rzosn", "dfire-aof", "water-masks")


class Pictures(CalibrationDataReader):
    """Training pictures inside their bars, stretched to the input's size."""

    def __init__(self, size):
        rows = manifest(*SETS)
        if not rows:
            raise SystemExit("no training picture in the manifest: prepare.py says which sets are missing")
        self.size, self.rows = size, iter(rows[:: max(1, len(rows) // PICTURES)])

    def get_next(self):
        row = next(self.rows, None)
        if row is None:
            return None
        x1, y1, x2, y2 = row["content"]
        picture = shown(cv2.imread(str(data_root() / row["path"]))[y1:y2, x1:x2], self.size)
        return {"images": picture.transpose(2, 0, 1)[None].astype(np.float32)}


def take_in_padding(path):
    """Moves each `Pad` before a convolution into the convolution's own attribute."""
    model = onnx.load(path)
    tensors = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    made_by = {name: node for node in model.graph.node for name in node.output}
    for conv in [n for n in model.graph.node if n.op_type == "Conv"]:
        pad = made_by.get(conv.input[0])
        if pad is None or pad.op_type != "Pad":
            continue
        _, _, top, left, _, _, bottom, right = (int(v) for v in tensors[pad.input[1]])
        pads = next(a for a in conv.attribute if a.name == "pads")
        pads.ints[:] = [a + b for a, b in zip(pads.ints, (top, left, bottom, right))]
        conv.input[0] = pad.input[0]
        model.graph.node.remove(pad)
    used = {name for node in model.graph.node for name in node.input}
    for tensor in [t for t in model.graph.initializer if t.name not in used]:
        model.graph.initializer.remove(tensor)
    for unused in [o for o in model.opset_import if o.domain]:
        model.opset_import.remove(unused)
    model.producer_name, model.producer_version = "matpho", ""
    onnx.checker.check_model(model)
    onnx.save(model, path)


def plain_form(raw, plain):
    """Writes the file `raw` with its constants folded and its padding taken in: the same answers in less time."""
    quant_pre_process(str(raw), str(plain), skip_symbolic_shape=True)
    take_in_padding(str(plain))


def eight_bits(plain, small, size):
    """Writes a file in eight bits but for what is called a head."""
    heads = [node.name for node in onnx.load(str(plain)).graph.node if node.name.startswith("/head")]
    quantize_static(str(plain), str(small), Pictures(size), quant_format=QuantFormat.QDQ, per_channel=True, reduce_range=True, nodes_to_exclude=heads,
                    op_types_to_quantize=["Conv", "Add", "Clip"], activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)


def eye(size, int8=False):
    """The file of the trunk for an input of `size` (w, h), made where there is none yet."""
    small = work_root() / f"eye-{size[0]}x{size[1]}.int8.onnx"
    plain = small.with_name(f"eye-{size[0]}x{size[1]}.onnx")
    if not plain.exists():
        trunk = load_published(Trunk(), published_trunk()).eval()
        with tempfile.TemporaryDirectory() as folder:
            raw = Path(folder) / "raw.onnx"
            torch.onnx.export(trunk, (torch.zeros(1, 3, size[1], size[0]),), str(raw), dynamo=False, opset_version=13, input_names=["images"], output_names=list(MAPS))
            plain_form(raw, plain)
    if int8 and not small.exists():
        eight_bits(plain, small, size)
    return small if int8 else plain


def session(path):
    """A file in ONNX Runtime, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    given, plain = Path(sys.argv[1]), Path(sys.argv[2])
    *_, height, width = session(given).get_inputs()[0].shape
    plain_form(given, plain)
    eight_bits(plain, plain.with_suffix(".int8.onnx"), (width, height))


if __name__ == "__main__":
    main()
