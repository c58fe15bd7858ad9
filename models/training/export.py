"""Writes a checkpoint's averaged weights as ONNX into models/, checks it against PyTorch and enters its hash into the registry.

    python export.py vehicles|fire-lite0|water [--checkpoint FILE] [--out FILE]
"""

import argparse
import hashlib
import re
import tomllib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch.nn import functional as F

from common import FIRE, MODELS, VEHICLES, work_root
from nets import Detector, FireNet, WaterNet, activate


def build(model):
    """An untrained network of a model and its input size (w, h)."""
    if model == "vehicles-wide":
        return Detector(len(VEHICLES)), (832, 480)
    if model == "vehicles-relu":
        return activate(Detector(len(VEHICLES)), F.relu), (640, 384)
    if model == "vehicles":
        return Detector(len(VEHICLES)), (640, 384)
    if model == "fire-lite0":
        return FireNet(len(FIRE)), (448, 256)
    return WaterNet(), (384, 224)


def export(net, size, path):
    """Static shape, batch 1, probabilities out; refuses a file that answers differently from PyTorch."""
    net.eval().to(memory_format=torch.contiguous_format)
    net.probabilities = True
    picture = torch.from_numpy(np.random.default_rng(0).uniform(0, 255, (1, 3, size[1], size[0])).astype(np.float32))
    torch.onnx.export(net, (picture,), str(path), dynamo=False, opset_version=13, input_names=["images"], output_names=["output"])
    graph = onnx.load(str(path))
    graph.producer_name, graph.doc_string = "matpho", ""
    for node in graph.graph.node:
        node.doc_string = ""
    onnx.checker.check_model(graph)
    onnx.save(graph, str(path))
    answer = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"images": picture.numpy()})[0]
    with torch.no_grad():
        apart = float(np.abs(answer - net(picture).numpy()).max())
    if apart > 1e-3:
        raise SystemExit(f"{path}: ONNX Runtime and PyTorch differ by {apart:g}")
    return answer.shape, apart


def enter_hash(registry, model, digest):
    """Puts the hash into the model's table of the registry and nothing else."""
    text = registry.read_text(encoding="utf-8")
    table = re.compile(rf'(\[\[model\]\]\nid = "{model}"\n(?:(?!\[\[model\]\]).)*?sha256 = ")[^"]*(")', re.S)
    text, count = table.subn(rf"\g<1>{digest}\g<2>", text)
    if count != 1:
        raise SystemExit(f'{registry} has no table with id = "{model}"')
    tomllib.loads(text)
    registry.write_text(text, encoding="utf-8")


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("model", choices=("vehicles", "vehicles-wide", "vehicles-relu", "fire-lite0", "water"))
    args.add_argument("--checkpoint", type=Path)
    args.add_argument("--out", type=Path, help="write here and leave the registry alone")
    args = args.parse_args()
    net, size = build(args.model)
    net.load_state_dict(torch.load(args.checkpoint or work_root() / f"{args.model.removesuffix('-wide').removesuffix('-lite0')}.pt")["average"])
    path = args.out or MODELS / f"{args.model}.onnx"
    shape, apart = export(net, size, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    print(f"{path.name}: output {list(shape)}, {path.stat().st_size / 1e6:.2f} MB, {apart:.1g} from PyTorch, sha256 {digest}")
    if not args.out:
        enter_hash(MODELS / "registry.toml", args.model, digest)


if __name__ == "__main__":
    main()
