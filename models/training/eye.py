"""The trunk as the gateway runs it: an ONNX file in eight bits, made once a size. Heads learn on what it sees, so that what eight bits lose is
learnt around, not suffered.

    python eye.py WIDTHxHEIGHT        writes $MATPHO_WORK/eye-WIDTHxHEIGHT.onnx and, beside it, the same in fp32

Activations U8, weights S8 by channel. The weights keep to seven bits: on x86 processors without VNNI two full products overflow sixteen bits,
and the file would answer differently there. Ranges come from training pictures. Padding goes into the convolutions: on its own it costs a
fifth of the fp32 time. The heads stay fp32: they are small, and their answers are probabilities.
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

from common import data_root, manifest, published_trunk, work_root
from trunk import Trunk, load_published

MAPS = ("c3", "c4", "c5")
# Ranges are taken from about so many training pictures, every so manieth of all sets.
PICTURES = 100
SETS = ("bridge", "highway", "cctv", "urban-smoke", "rzosn", "dfire-aof", "water-masks")


class Pictures(CalibrationDataReader):
    """Training pictures inside their bars, stretched to the eye's size."""

    def __init__(self, size):
        rows = manifest(*SETS)
        self.size, self.rows = size, iter(rows[:: max(1, len(rows) // PICTURES)])

    def get_next(self):
        row = next(self.rows, None)
        if row is None:
            return None
        x1, y1, x2, y2 = row["content"]
        picture = cv2.resize(cv2.imread(str(data_root() / row["path"]))[y1:y2, x1:x2], self.size, interpolation=cv2.INTER_AREA)
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
    onnx.checker.check_model(model)
    onnx.save(model, path)


def eye(size, fp32=False):
    """The file of the trunk for an input of `size` (w, h), made where there is none yet."""
    small = work_root() / f"eye-{size[0]}x{size[1]}.onnx"
    plain = small.with_suffix(".fp32.onnx")
    if not plain.exists() or not small.exists():
        trunk = load_published(Trunk(), published_trunk()).eval()
        with tempfile.TemporaryDirectory() as folder:
            raw = str(Path(folder) / "raw.onnx")
            torch.onnx.export(trunk, (torch.zeros(1, 3, size[1], size[0]),), raw, dynamo=False, opset_version=13, input_names=["images"], output_names=list(MAPS))
            quant_pre_process(raw, str(plain), skip_symbolic_shape=True)
        take_in_padding(str(plain))
        quantize_static(str(plain), str(small), Pictures(size), quant_format=QuantFormat.QDQ, per_channel=True, reduce_range=True,
                        op_types_to_quantize=["Conv", "Add", "Clip"], activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
        print(f"{small.name}: {small.stat().st_size / 1e6:.2f} MB in eight bits, {plain.stat().st_size / 1e6:.2f} MB in fp32", flush=True)
    return plain if fp32 else small


def session(path):
    """A file in ONNX Runtime, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    eye(tuple(int(v) for v in sys.argv[1].split("x")))
