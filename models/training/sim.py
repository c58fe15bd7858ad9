"""Frames of the simulated city with their truth, as `matpho-sim frames` writes them: pictures, `truth.jsonl`, water masks."""

import json
from pathlib import Path

import cv2
import numpy as np

from common import VEHICLES

# Of a road user at least this share must be seen for its box to be a target; below, it teaches nothing.
VISIBLE = 0.35
# A smaller side than this many pixels of a 960-pixel picture teaches nothing: no detector of this size could see it.
SMALLEST_PX = 7


def truths(folder):
    """Lines of the truth, with the folder's path before the names of files; none, and a word about it, where no street was drawn."""
    folder = Path(folder)
    if not (folder / "truth.jsonl").exists():
        print(f"{folder}: no simulated streets there (make_sim.py draws them); going on without", flush=True)
        return
    for line in (folder / "truth.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        row["image"] = str(folder / row["image"])
        row["water_mask"] = str(folder / row["water_mask"]) if row.get("water_mask") else None
        yield row


def street(picture):
    """The simulated street of a frame: its file's name without the number of the frame."""
    return "sim-" + Path(picture).stem.rsplit("_", 1)[0]


def vehicle_boxes(row):
    """Targets and regions that teach nothing, [n, 5] each."""
    targets, ignore = [], []
    for b in row["boxes"]:
        x1, y1, x2, y2 = b["box"]
        clear = b["visible"] >= VISIBLE and min(x2 - x1, y2 - y1) * 960 / row["width"] >= SMALLEST_PX
        (targets if clear else ignore).append((VEHICLES.index(b["class"]), x1, y1, x2, y2))
    return np.array(targets, np.float32).reshape(-1, 5), np.array(ignore, np.float32).reshape(-1, 5)


def vehicle_frames(folder):
    """(path, content, targets, ignored) a frame, as the vehicle trainer holds its pictures."""
    return [(r["image"], (0, 0, r["width"], r["height"]), *vehicle_boxes(r)) for r in truths(folder)]


def fire_boxes(row):
    """Flames (0) and smoke (1), [n, 5]; none smaller than a few pixels."""
    both = [(c, *b) for c, name in enumerate(("fire", "smoke")) for b in row["states"][name] if min(b[2] - b[0], b[3] - b[1]) >= 6]
    return np.array(both, np.float32).reshape(-1, 5)


def fire_frames(folder):
    """(frames with fire or smoke, frames without): (path, content, boxes, no doubts) each."""
    none = np.zeros((0, 5), np.float32)
    rows = [(r["image"], (0, 0, r["width"], r["height"]), fire_boxes(r), none) for r in truths(folder)]
    return [r for r in rows if len(r[2])], [r for r in rows if not len(r[2])]


def water_frames(folder):
    """(frames with water, frames without): (path, mask path or None) each."""
    rows = [(r["image"], r["water_mask"] if r["states"]["water_share"] > 0 else None) for r in truths(folder)]
    return [r for r in rows if r[1]], [r for r in rows if not r[1]]


def load_water(item):
    """Picture and mask 0/1 of one frame of `water_frames`."""
    picture = cv2.imread(item[0])
    mask = cv2.imread(item[1], cv2.IMREAD_GRAYSCALE) if item[1] else np.zeros(picture.shape[:2], np.uint8)
    return picture, (mask > 127).astype(np.float32)
