"""Writes a checkpoint's averaged weights as ONNX into models/, checks it against PyTorch and enters its hash into the registry.

    python export.py vehicles|fire-lite0|water [--checkpoint FILE] [--out FILE]

Fire and water are a head behind the trunk's file (`eye.py`), in eight bits where it was trained with --int8.
"""

import argparse
import hashlib
import re
import tomllib
from pathlib import Path

import numpy as np
import onnx
import torch
from torch.nn import functional as F

from common import FIRE, MODELS, VEHICLES, work_root
from eye import MAPS, eye, session
from nets import Detector, FireHead, WaterHead, activate
from trunk import CHANNELS


def build(model):
    """An untrained network of a model, and its input size (w, h); a head's is in its checkpoint."""
    if model == "vehicles-wide":
        return Detector(len(VEHICLES)), (832, 480)
    if model == "vehicles-relu":
        return activate(Detector(len(VEHICLES)), F.relu), (640, 384)
    if model == "vehicles":
        return Detector(len(VEHICLES)), (640, 384)
    return (FireHead(CHANNELS, len(FIRE)) if model == "fire-lite0" else WaterHead(CHANNELS)), None


def export(net, size, path, trunk=None):
    """Static shape, batch 1, probabilities out; behind the file `trunk` where there is one. Refuses a file that answers differently from PyTorch."""
    net.eval().to(memory_format=torch.contiguous_format)
    net.probabilities = True
    picture = np.random.default_rng(0).uniform(0, 255, (1, 3, size[1], size[0])).astype(np.float32)
    given = {"images": picture} if trunk is None else dict(zip(MAPS, session(trunk).run(None, {"images": picture})))
    tensors = [torch.from_numpy(v) for v in given.values()]
    given_to_net = (tensors[0] if trunk is None else tensors,)
    torch.onnx.export(net, given_to_net, str(path), dynamo=False, opset_version=13, input_names=list(given), output_names=["output"])
    graph = onnx.load(str(path))
    if trunk is not None:
        graph = behind(onnx.load(str(trunk)), graph)
    graph.producer_name, graph.doc_string = "matpho", ""
    for node in graph.graph.node:
        node.doc_string = ""
    onnx.checker.check_model(graph)
    onnx.save(graph, str(path))
    answer = session(path).run(None, {"images": picture})[0]
    with torch.no_grad():
        apart = float(np.abs(answer - net(*given_to_net).numpy()).max())
    if apart > 1e-3:
        raise SystemExit(f"{path}: ONNX Runtime and PyTorch differ by {apart:g}")
    return answer.shape, apart


def behind(trunk, head):
    """A head's graph behind a trunk's, as one."""
    for graph in (trunk, head):
        for other in [o for o in graph.opset_import if o.domain]:
            graph.opset_import.remove(other)
        graph.ir_version = 7
    return onnx.compose.merge_models(onnx.compose.add_prefix(trunk, "trunk", rename_inputs=False, rename_outputs=False), head, [(m, m) for m in MAPS])


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
    checkpoint = torch.load(args.checkpoint or work_root() / f"{args.model.removesuffix('-wide').removesuffix('-lite0')}.pt")
    net, size = build(args.model)
    net.load_state_dict(checkpoint["average"])
    trunk = None if size else eye(checkpoint["size"], checkpoint["int8"])
    path = args.out or MODELS / f"{args.model}.onnx"
    shape, apart = export(net, size or checkpoint["size"], path, trunk)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    print(f"{path.name}: output {list(shape)}, {path.stat().st_size / 1e6:.2f} MB, {apart:.1g} from PyTorch, sha256 {digest}")
    if not args.out:
        enter_hash(MODELS / "registry.toml", args.model, digest)


if __name__ == "__main__":
    main()
