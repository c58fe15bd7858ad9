"""Makes an int8 form of the vehicle model (activations U8, weights S8 by channel) and says what it costs and what it brings; fire and water have theirs
from eye.py.

    python quantize.py vehicles [--from vehicles-relu.onnx] [--first 5] [--method Percentile] [--out FILE]

Writes QDQ nodes around what runs well in eight bits; the first convolutions (few channels, wide ranges) and everything from the
prediction convolutions on (offsets and logits on one scale) stay fp32. Ranges come from training pictures. Prints milliseconds a
picture of both files, measured turn and turn about on one thread, and how far their average precision is apart; evaluate.py has the rest.
"""

import argparse
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from boxes import average_precision
from common import MODELS, data_root, manifest, read_boxes
from evaluate import Model, any_vehicle

ELEMENTWISE = ("Relu", "Sigmoid", "Mul", "Add", "Concat", "MaxPool", "Resize")


class Pictures(CalibrationDataReader):
    """Every so many-th training picture as the gateway would feed it."""

    def __init__(self, model, count):
        rows = manifest("bridge", "highway")
        self.model, self.rows = model, iter(rows[:: max(1, len(rows) // count)])

    def get_next(self):
        row = next(self.rows, None)
        return row and {self.model.name: self.model.feed(cv2.imread(str(data_root() / row["path"])))[0]}


def kept(path, first):
    """Names of the nodes that stay fp32: up to the `first`-th convolution, and from the prediction convolutions on."""
    graph = onnx.load(path).graph
    convolutions = [n for n in graph.node if n.op_type == "Conv"]
    names, count = [], 0
    for node in graph.node:
        if count < first:
            names.append(node.name)
        count += node.op_type == "Conv"
    # A prediction convolution is one whose answer passes no activation: what comes after belongs to it.
    users = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    late = [c for c in convolutions if all(u.op_type in ("Concat", "Slice", "Reshape", "Flatten") for u in users.get(c.output[0], []))
            or any(u.op_type == "Sigmoid" for u in users.get(c.output[0], [])) and not any(u.op_type == "Mul" for u in users.get(c.output[0], []))]
    front = list(late)
    while front:
        node = front.pop()
        if node.name not in names:
            names.append(node.name)
            front += [u for o in node.output for u in users.get(o, [])]
    return names, len(late)


def precision(model):
    """AP50 of any vehicle on held-back sets, by set."""
    out = {}
    for name in ("bridge-completed", "bridge", "highway"):
        rows = manifest(name, split=("held",))
        found = [any_vehicle(model.detect(cv2.imread(str(data_root() / r["path"])))) for r in rows]
        truth = [read_boxes(data_root() / r["path"], r["width"], r["height"]) for r in rows]
        out[name] = average_precision(found, [t[t[:, 0] >= 1, 1:] for t in truth], ignored=[t[t[:, 0] == 0, 1:] for t in truth])[0]
    return out


def milliseconds(models, rounds=60):
    """Median of each model's processor time for one picture, taken in turn."""
    picture = np.random.default_rng(0).integers(0, 256, (models[0].height, models[0].width, 3), np.uint8)
    x = models[0].feed(picture)[0]
    times = [[] for _ in models]
    for _ in range(rounds):
        for model, mine in zip(models, times):
            began = time.thread_time()
            model.session.run(None, {model.name: x})
            mine.append(time.thread_time() - began)
    return [1000 * float(np.median(t)) for t in times]


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("model", choices=("vehicles",))
    args.add_argument("--from", dest="source", type=Path, help="fp32 file to start from; the shipped one where left out")
    args.add_argument("--first", type=int, default=5, help="convolutions that stay fp32 at the beginning")
    args.add_argument("--method", choices=("MinMax", "Percentile", "Entropy"), default="MinMax")
    args.add_argument("--convolutions-only", action="store_true", help="activations and sums stay fp32")
    args.add_argument("--pictures", type=int, default=80)
    args.add_argument("--out", type=Path)
    args.add_argument("--no-precision", action="store_true")
    args = args.parse_args()
    shipped, plain = Model(args.model), Model(args.model, args.source)
    out = args.out or MODELS / f"{args.model}.int8.onnx"
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(args.source or MODELS / plain.entry["file"]), str(prepared), skip_symbolic_shape=True)
        names, late = kept(prepared, args.first)
        quantize_static(str(prepared), str(out), Pictures(plain, args.pictures), quant_format=QuantFormat.QDQ, per_channel=True,
                        op_types_to_quantize=["Conv"] if args.convolutions_only else ["Conv", *ELEMENTWISE], nodes_to_exclude=names,
                        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, calibrate_method=CalibrationMethod[args.method])
    small = Model(args.model, out)
    names_of = {"shipped fp32": shipped, "fp32 it was made of": plain, "int8": small}
    print(f"{out.name}: {out.stat().st_size / 1e6:.2f} MB, {len(names)} nodes kept fp32 ({late} prediction convolutions)")
    for (title, model), ms in zip(names_of.items(), milliseconds(list(names_of.values()))):
        line = f"  {title:20} {ms:5.1f} ms"
        if args.model == "vehicles" and not args.no_precision:
            line += "   AP50 any vehicle: " + ", ".join(f"{name} {ap:.3f}" for name, ap in precision(model).items())
        print(line, flush=True)


if __name__ == "__main__":
    main()
