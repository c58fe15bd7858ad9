"""Fine-tunes YOLOX-nano for people and vehicles seen by city cameras.

    python train_vehicles.py

Bridges give the camera's view, the close-up street photos give motorcycles, shrunk into mosaics so that they are as small as they
are from a pole. What the labels leave out is taken from a teacher's boxes (teacher.py): sure ones become targets, unsure ones
teach nothing. Frames of the simulated city (make_sim.py) are mixed in, whose truth is exact. `--imitate CHECKPOINT`
teaches those weights to do with ReLU in place of SiLU, which an int8 form needs to be fast (quantize.py).
"""

import argparse
import hashlib
import json
import os
import sys

import cv2
import numpy as np
import torch
from torch.nn import functional as F

import augment
import sim
from boxes import echo_loss, iou_matrix, simota_loss
from common import VEHICLES, data_root, manifest, published_weights, read_boxes, threads, work_root
from nets import COCO_ROWS, EARLY, Detector, activate, anchor_grid, start_from_published
from teacher import elsewhere
from trainer import fit, forward

WIDTH, HEIGHT, BATCH, SEED = 640, 384, 8, 20261121
SURE = 0.5  # teacher's score from which its box is a target
PERSON, BICYCLE, MOTORCYCLE = 0, 1, 2
# Which places of a batch hold what; the rest are bridges. In ECHO's the published net is listened to as well as the labels.
SIM, MOSAIC, STREET, STREET_OR_ELSEWHERE = (0, 4), (1, 5), (2,), (6,)
ECHO, ECHO_WEIGHT = (2, 6), 0.5


def some_views(rows, share):
    """The rows of a share of the views, the same for the same share: what fewer places would have taught (a learning curve)."""
    views = sorted({r["group"] for r in rows}, key=lambda g: hashlib.sha256(g.encode()).digest())
    kept = set(views[: max(1, round(share * len(views)))])
    return [r for r in rows if r["group"] in kept]


def with_teacher(boxes, taught, area):
    """Labels and what a teacher sees besides them: (targets [n, 5], regions that teach nothing [m, 5]). `area` of the picture."""
    ignore = []
    for c, score, *corners in taught:
        box = np.array([corners], np.float32)
        if len(boxes) and iou_matrix(box, boxes[:, 1:])[0].max() > 0.3:
            continue
        middle = (box[0, :2] + box[0, 2:]) / 2
        riding = c == PERSON and any(b[0] in (BICYCLE, MOTORCYCLE) and (b[1:3] < middle).all() and (middle < b[3:]).all() for b in boxes)
        row = np.array([[c, *corners]], np.float32)
        if score >= SURE and not riding:
            boxes = np.concatenate((boxes, row))
        elif (box[0, 2:] - box[0, :2]).prod() < 0.1 * area:  # a larger doubt would silence half the picture
            ignore.append(row)
    return boxes, np.concatenate(ignore) if ignore else np.zeros((0, 5), np.float32)


class Samples:
    def __init__(self, sim_folders, share=1.0):
        self.root = data_root()
        if not (work_root() / "teacher.json").exists():
            sys.exit("teacher.json is missing: run teacher.py first")
        taught = json.loads((work_root() / "teacher.json").read_text(encoding="utf-8"))
        self.bridge, self.street, views = [], [], []
        for row in some_views(manifest("bridge"), share) + some_views(manifest("highway"), share):
            boxes = read_boxes(self.root / row["path"], row["width"], row["height"])
            item = (str(self.root / row["path"]), row["content"], *with_teacher(boxes, taught[row["path"]], row["width"] * row["height"]))
            (self.bridge if row["set"] == "bridge" else self.street).append(item)
            if row["set"] == "bridge":
                views.append(row["group"])
        none = np.zeros((0, 5), np.float32)
        self.elsewhere = [(str(self.root / r["path"]), r["content"], *with_teacher(none, taught[r["path"]], r["width"] * r["height"]))
                          for r in elsewhere() if r["path"] in taught]
        # A view with nine times the frames is seen three times as often.
        weight = np.array([views.count(v) ** -0.5 for v in views])
        self.bridge_share = np.cumsum(weight / weight.sum())
        self.sim = [frame for folder in sim_folders for frame in sim.vehicle_frames(folder)]
        self.pictures = {}  # decoded once: all of them together are under 2 GB
        print(f"{len(self.bridge)} bridge pictures, {len(self.street)} street photos, {len(self.elsewhere)} elsewhere, {len(self.sim)} simulated frames")

    def load(self, item):
        path, (x1, y1, x2, y2), boxes, ignore = item
        off = np.array((0, x1, y1, x1, y1), np.float32)
        both = np.concatenate((np.insert(boxes - off, 5, 0, 1), np.insert(ignore - off, 5, 1, 1)))
        if path not in self.pictures:
            self.pictures[path] = cv2.imread(path)[y1:y2, x1:x2]
        return self.pictures[path], both.astype(np.float32)

    def pick(self, rng, pool):
        if pool is self.bridge:
            return pool[min(int(np.searchsorted(self.bridge_share, rng.random())), len(pool) - 1)]
        return pool[rng.integers(len(pool))]

    def mosaic(self, rng):
        """Two to four columns and two or three rows of street photos with a bridge or a simulated frame among them."""
        cols, rows = int(rng.integers(2, 5)), int(rng.integers(2, 4))
        w, h = WIDTH // cols, HEIGHT // rows
        canvas, all_boxes = np.full((HEIGHT, WIDTH, 3), 114, np.uint8), []
        for k in range(cols * rows):
            pool = self.street if rng.random() < 0.6 else self.bridge
            picture, boxes = self.load(self.pick(rng, pool))
            part, boxes, _ = augment.place(rng, picture, boxes, (w, h), (0.8, 1.3))
            x, y = k % cols * w, k // cols * h
            canvas[y : y + h, x : x + w] = part
            all_boxes.append(boxes + np.array((0, x, y, x, y, 0), np.float32))
        return canvas, np.concatenate(all_boxes)

    def __call__(self, index):
        rng = np.random.default_rng((SEED, index))
        slot = index % BATCH
        if self.sim and slot in SIM:
            pool, zoom = self.sim, (0.85, 1.7)
        elif slot in MOSAIC:
            pool, zoom = None, None
        elif slot in STREET or slot in STREET_OR_ELSEWHERE and (not self.elsewhere or rng.random() < 0.5):
            pool, zoom = self.street, (0.35, 1.4)
        elif slot in STREET_OR_ELSEWHERE:
            pool, zoom = self.elsewhere, (0.5, 1.5)
        else:
            pool, zoom = self.bridge, (0.6, 1.9)
        if pool is None:
            picture, boxes = self.mosaic(rng)
        else:
            picture, boxes = self.load(self.pick(rng, pool))
            picture, boxes, _ = augment.place(rng, picture, boxes, (WIDTH, HEIGHT), zoom)
        picture = augment.weather(rng, picture)
        return picture, boxes[boxes[:, 5] == 0, :5], boxes[boxes[:, 5] == 1, 1:5]


def imitation(net, original, pictures):
    """Logits of a net and of the original that it imitates, and how far their maps are apart."""
    x = pictures.float().contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=os.environ.get("MATPHO_BF16") == "1"):
        deep, levels = net.maps(x)
        out = net.predict(levels)
        with torch.no_grad():
            deep_there, levels_there = original.maps(x)
            heard = original.predict(levels_there)
    pairs = zip((*deep, *levels), (*deep_there, *levels_there))
    apart = sum(F.mse_loss(a.float(), b.float()) / b.float().square().mean() for a, b in pairs)
    return out.float(), heard.float(), apart


def collate(samples):
    pictures = torch.from_numpy(np.stack([s[0] for s in samples]).transpose(0, 3, 1, 2))
    return pictures, [torch.from_numpy(np.ascontiguousarray(s[1])) for s in samples], [torch.from_numpy(np.ascontiguousarray(s[2])) for s in samples]


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--steps", type=int, default=1900)
    args.add_argument("--lr", type=float, default=1.5e-4)
    args.add_argument("--sim", nargs="*", help="folders of simulated frames; sim and sim-traffic of make_sim.py where left out")
    args.add_argument("--start", help="checkpoint to start from instead of the published weights")
    args.add_argument("--share", type=float, default=1.0, help="of the views to train on, for a learning curve")
    args.add_argument("--imitate", help="checkpoint to teach to a net with ReLU")
    args.add_argument("--name", default="vehicles")
    args = args.parse_args()
    torch.set_num_threads(threads())
    if args.sim is None:
        args.sim = [work_root() / "sim", work_root() / "sim-traffic"]
    net = start_from_published(Detector(len(VEHICLES)), published_weights(), COCO_ROWS)
    if args.start:
        net.load_state_dict(torch.load(args.start)["average"])
    grid = torch.from_numpy(anchor_grid(WIDTH, HEIGHT))

    published = start_from_published(Detector(len(VEHICLES)), published_weights(), COCO_ROWS).to(memory_format=torch.channels_last)

    def loss(model, batch):
        pictures, targets, ignore = batch
        out = forward(model, pictures)
        with torch.no_grad():
            heard = forward(published, pictures[list(ECHO)])
        return simota_loss(out, grid, targets, ignore) + ECHO_WEIGHT * echo_loss(out[list(ECHO)], heard, first_class=1)

    def loss_of_imitation(model, batch):
        pictures, targets, ignore = batch
        out, heard, apart = imitation(model, published, pictures)
        return simota_loss(out, grid, targets, ignore) + echo_loss(out, heard) + 2 * apart

    frozen = EARLY
    if args.imitate:
        published.load_state_dict(torch.load(args.imitate)["average"])
        net.load_state_dict(published.state_dict())
        activate(net, F.relu)
        loss, frozen = loss_of_imitation, ()
    fit(net, Samples(args.sim, args.share), loss, collate=collate, steps=args.steps, batch=BATCH, lr=args.lr, head_lr=3 * args.lr,
        heads=("heads",), frozen=frozen, average=0.995 if args.imitate else 0.998, decay_from=0.7, checkpoint=work_root() / f"{args.name}.pt")


if __name__ == "__main__":
    main()
