"""What a larger public detector sees in the training pictures, for what their labels leave out (riders, people on the pavement).

    python teacher.py

PicoDet-S 416 (Apache-2.0, PaddleDetection) on the whole picture and on 2 x 2 overlapping tiles; boxes of our six classes with a
score of at least 0.25 go to teacher.json as [class, score, x1, y1, x2, y2] in pixels of the file.
"""

import json

import cv2
import numpy as np
import onnxruntime

from boxes import suppress_by_class
from common import data_root, manifest, published_teacher, threads, work_root
from nets import COCO_ROWS

SIDE, FLOOR = 416, 0.25
MEAN, STD = np.array([123.675, 116.28, 103.53]), np.array([58.395, 57.12, 57.375])


class PicoDet:
    def __init__(self, path, threads=2):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self.floor = FLOOR
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def __call__(self, picture):
        """[n, 6] class, score, corners of one picture, before suppression."""
        h, w = picture.shape[:2]
        x = cv2.resize(picture, (SIDE, SIDE))[:, :, ::-1]
        x = ((x - MEAN) / STD).transpose(2, 0, 1)[None].astype(np.float32)
        out, found = self.session.run(None, {self.session.get_inputs()[0].name: x}), []
        for scores, bins, stride in zip(out[:4], out[4:], (8, 16, 32, 64)):
            scores = scores[0][:, list(COCO_ROWS)]
            n = -(-SIDE // stride)
            best = scores.max(1)
            pick = np.where(best >= self.floor)[0]
            if not pick.size:
                continue
            logits = bins[0][pick].reshape(-1, 4, 8)
            share = np.exp(logits - logits.max(2, keepdims=True))
            share /= share.sum(2, keepdims=True)
            left, top, right, bottom = ((share * np.arange(8)).sum(2) * stride).T
            cx, cy = (pick % n + 0.5) * stride, (pick // n + 0.5) * stride
            box = np.stack((cx - left, cy - top, cx + right, cy + bottom), 1) * (w / SIDE, h / SIDE, w / SIDE, h / SIDE)
            found.append(np.concatenate((scores[pick].argmax(1)[:, None], best[pick][:, None], box), 1))
        return np.concatenate(found) if found else np.zeros((0, 6))

    def tiled(self, picture):
        """Whole picture and four tiles of 60 % of each side, suppressed within each class: [n, 6]."""
        h, w = picture.shape[:2]
        th, tw = int(h * 0.6), int(w * 0.6)
        all_found = [self(picture)]
        for y, x in ((0, 0), (0, w - tw), (h - th, 0), (h - th, w - tw)):
            found = self(picture[y : y + th, x : x + tw])
            # A box cut by an inner edge of its tile is half an object: the whole picture or the next tile has it.
            inner = ((found[:, 2] > 3) | (x == 0)) & ((found[:, 4] < tw - 3) | (x + tw >= w))
            inner &= ((found[:, 3] > 3) | (y == 0)) & ((found[:, 5] < th - 3) | (y + th >= h))
            found = found[inner]
            all_found.append(found + (0, 0, x, y, x, y))
        return suppress_by_class(np.concatenate(all_found), 0.55)


def elsewhere(each=12):
    """Pictures of the fire sets: rooms, yards, streets and lamps at night, of which the teacher sees what vehicles there are. A few a scene."""
    seen = {}
    for row in manifest("cctv", "urban-smoke"):
        seen.setdefault(row["group"], []).append(row)
    return [row for rows in seen.values() for row in rows[:: -(-len(rows) // each)]]


def main():
    root = data_root()
    model = PicoDet(published_teacher(), threads())
    boxes = {}
    for row in manifest("bridge", "highway") + elsewhere():
        found = model.tiled(cv2.imread(str(root / row["path"])))
        boxes[row["path"]] = [[int(f[0]), *(round(float(v), 3) for v in f[1:])] for f in found]
    (work_root() / "teacher.json").write_text(json.dumps(boxes), encoding="utf-8")
    print(f"{len(boxes)} pictures, {sum(map(len, boxes.values()))} boxes")


if __name__ == "__main__":
    main()
