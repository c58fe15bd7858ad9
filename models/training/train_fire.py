"""Trains YOLOX-nano to box flames and smoke on keyframes of street cameras.

    python train_fire.py [--steps 700] [--sim FOLDER]

Two fifths of each batch hold no fire: road pictures with head lamps, brake lights, bloom, fog, low sun, wet asphalt, other hues, made
from licensed pictures. `urban-smoke` boxes smoke only; its flames are boxed here by their colour, and what is only warm teaches
nothing. Pictures are stretched to the input, as at run time, after their black bars are cut away: bars would tell the source, and
the source tells the answer.
"""

import argparse

import cv2
import numpy as np
import torch

import augment
import sim
from boxes import simota_loss
from common import FIRE, data_root, manifest, published_weights, read_boxes, threads, work_root
from nets import EARLY, Detector, anchor_grid, start_from_published
from trainer import fit, forward

WIDTH, HEIGHT, BATCH, SEED = 512, 288, 10, 20261122
CLASS_FIRE, CLASS_SMOKE = 0, 1
# Pictures with a smoke box over more than this share are left out: a camera full of smoke is a blind camera, and looks like fog.
BLIND = 0.6
NONE = np.zeros((0, 5), np.float32)


def composite(rng, street, fire, boxes):
    """A flame or plume cut from its picture (soft edges, brighter wins) and set into a street: fire where the detector will meet it.

    Returns the street with it and its boxes."""
    h, w = street.shape[:2]
    out, placed = street.astype(np.float32), []
    flames = [b for b in boxes if b[0] == CLASS_FIRE]
    if not flames:
        return street, np.zeros((0, 6), np.float32)
    for _ in range(int(rng.integers(1, 3))):
        b = flames[rng.integers(len(flames))].astype(int)
        cut = fire[max(0, b[2]) : b[4], max(0, b[1]) : b[3]]
        if min(cut.shape[:2]) < 8:
            continue
        th = int(h * rng.uniform(0.06, 0.35))
        tw = max(6, int(th * cut.shape[1] / cut.shape[0] * rng.uniform(0.7, 1.3)))
        if tw >= w - 2:
            continue
        cut = cv2.resize(cut, (tw, th), interpolation=cv2.INTER_AREA).astype(np.float32)
        if rng.random() < 0.5:
            cut = cut[:, ::-1]
        hot = np.clip((cut[..., 2] - 0.6 * cut[..., 0] - 60) / 70, 0, 1)  # red and bright
        if (hot > 0.5).mean() < 0.1:  # burnt out or filmed in grey: pasted, it would be any white patch
            continue
        bright = np.clip((cut.min(2) - 215) / 25, 0, 1) * cv2.dilate(hot.astype(np.float32), np.ones((5, 5)))  # the white core, inside the red
        y, x = np.mgrid[-1 : 1 : th * 1j, -1 : 1 : tw * 1j]
        alpha = cv2.GaussianBlur((np.maximum(hot, bright) * np.clip(2.2 - 2.2 * np.hypot(x, y) ** 2, 0, 1)).astype(np.float32), (0, 0), 1.2)
        ys, xs = np.where(alpha > 0.25)
        if len(ys) < 0.12 * th * tw:
            continue
        px, py = int(rng.uniform(0, w - tw)), int(rng.uniform(h * 0.15, max(h * 0.16, h - th)))
        py = min(py, h - th)
        part = out[py : py + th, px : px + tw]
        part[:] = np.maximum(part, cut * alpha[..., None] + part * (1 - alpha[..., None]))
        placed.append((CLASS_FIRE, px + xs.min(), py + ys.min(), px + xs.max() + 1, py + ys.max() + 1, 0))
    return np.clip(out, 0, 255).astype(np.uint8), np.array(placed, np.float32).reshape(-1, 6)


def flames_by_colour(picture):
    """Boxes of flames that nobody drew, for pictures known to show a fire: (sure [n, 5], unsure [m, 5]).

    Orange to yellow with a bright core, grained, not too large: walls, sunsets and coats fail one of these."""
    h, w = picture.shape[:2]
    b, g, r = (picture[..., i].astype(np.int16) for i in range(3))
    warm = (r > 170) & (r > g + 12) & (g > b + 18) & (r - b > 75) & (g > 60)
    hot = warm & (r > 225) & (r - b > 105)
    core = (r > 225) & (g > 200) & (b > 120) & (r >= g) & (g >= b)
    near = cv2.dilate(warm.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    blob = cv2.morphologyEx((warm | (core & near)).astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    blob = cv2.morphologyEx(blob, cv2.MORPH_CLOSE, np.ones((max(3, w // 60),) * 2, np.uint8))
    grain = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(blob)
    sure, unsure = [], []
    for i, (x, y, bw, bh, area) in enumerate(stats):
        if i == 0 or area < 0.0004 * w * h:
            continue
        inside = labels[y : y + bh, x : x + bw] == i
        good = area > 0.0012 * w * h and area > 0.25 * bw * bh and bw * bh < 0.35 * w * h
        good = good and hot[y : y + bh, x : x + bw][inside].mean() > 0.3 and grain[y : y + bh, x : x + bw][inside].std() > 16
        (sure if good else unsure).append((CLASS_FIRE, x, y, x + bw, y + bh))
    return np.array(sure, np.float32).reshape(-1, 5), np.array(unsure, np.float32).reshape(-1, 5)


class Samples:
    def __init__(self, sim_folder):
        self.root = data_root()
        self.groups, self.clean, self.smoke = {}, [], []
        for row in manifest("cctv"):
            item = self.item(row)
            area = row["width"] * row["height"]
            if any(b[0] == CLASS_SMOKE and (b[3] - b[1]) * (b[4] - b[2]) > BLIND * area for b in item[2]):
                continue
            if len(item[2]):
                self.groups.setdefault(row["group"], []).append(item)
            else:
                self.clean.append(item)
        self.groups = list(self.groups.values())
        weight = np.sqrt([len(g) for g in self.groups])
        self.group_share = weight / weight.sum()
        self.flames = [i for g in self.groups for i in g if (i[2][:, 0] == CLASS_FIRE).any()]
        self.smoke = []
        for row in manifest("urban-smoke"):
            path, content, boxes, _ = self.item(row)
            x1, y1, x2, y2 = content
            sure, unsure = flames_by_colour(cv2.imread(path)[y1:y2, x1:x2])
            off = np.array((0, x1, y1, x1, y1), np.float32)
            item = (path, content, np.concatenate((boxes, sure + off)), unsure + off)
            self.smoke.append(item)
            if len(sure):
                self.flames.append(item)
        self.streets = [self.item(r, False) for r in manifest("bridge", "highway")]
        self.sim, self.sim_clean = sim.fire_frames(sim_folder) if sim_folder else ([], [])
        print(f"{sum(map(len, self.groups))} pictures with boxes in {len(self.groups)} scenes, {len(self.smoke)} urban smoke, "
              f"{len(self.clean)} + {len(self.streets)} without, {len(self.sim)} + {len(self.sim_clean)} simulated")

    def item(self, row, labelled=True):
        path = self.root / row["path"]
        boxes = read_boxes(path, row["width"], row["height"]) if labelled else np.zeros((0, 5), np.float32)
        return str(path), row["content"], boxes, NONE

    @staticmethod
    def load(item):
        """The picture inside its bars and its boxes [n, 6]; the sixth column is 1 for a region that teaches nothing."""
        path, (x1, y1, x2, y2), boxes, unsure = item
        off = np.array((0, x1, y1, x1, y1, 0), np.float32)
        return cv2.imread(path)[y1:y2, x1:x2], np.concatenate((np.insert(boxes, 5, 0, 1), np.insert(unsure, 5, 1, 1))).astype(np.float32) - off

    def __call__(self, index):
        rng = np.random.default_rng((SEED, index))
        slot, zoom, negative = index % BATCH, (0.75, 1.8), False
        if slot in (0, 1):
            scene = self.groups[rng.choice(len(self.groups), p=self.group_share)]
            picture, boxes = self.load(scene[rng.integers(len(scene))])
        elif slot in (2, 3):
            picture, boxes = self.load(self.smoke[rng.integers(len(self.smoke))])
        elif slot == 4 or (slot == 5 and not self.sim):
            fire, flames = self.load(self.flames[rng.integers(len(self.flames))])
            street, _ = self.load(self.streets[rng.integers(len(self.streets))])
            picture, boxes = composite(rng, street, fire, flames[flames[:, 5] == 0])
            negative = not len(boxes)
        elif slot in (5, 6) and self.sim:
            picture, boxes = self.load(self.sim[rng.integers(len(self.sim))])
            zoom = (0.9, 1.8)
        elif slot == 7 and self.sim_clean:
            picture, boxes = self.load(self.sim_clean[rng.integers(len(self.sim_clean))])
            if rng.random() < 0.3:
                picture = augment.glow(rng, picture, int(rng.integers(1, 8)))
        else:
            pool = self.clean if slot == 9 and rng.random() < 0.5 else self.streets
            picture, boxes = self.load(pool[rng.integers(len(pool))])
            negative = True
        h, w = picture.shape[:2]
        picture = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA if w > WIDTH else cv2.INTER_LINEAR)
        boxes = boxes * np.array((1, WIDTH / w, HEIGHT / h, WIDTH / w, HEIGHT / h, 1), np.float32)
        edge = int(picture.mean())
        picture, boxes, _ = augment.place(rng, picture, boxes, (WIDTH, HEIGHT), zoom, 0.25, edge, 0.2)
        if negative:
            if rng.random() < 0.35:
                picture = augment.other_hues(rng, picture)
            for change, share in ((augment.night, 0.25), (augment.sunset, 0.2), (augment.fog, 0.25), (augment.wet, 0.15)):
                if rng.random() < share:
                    picture = change(rng, picture)
            if rng.random() < 0.4:
                picture = augment.glow(rng, picture, int(rng.integers(1, 14)))
            picture = augment.sensor(rng, augment.colour(rng, picture))
        else:
            if rng.random() < 0.5:
                picture = augment.colour(rng, picture)
            if rng.random() < 0.15:
                picture = augment.glow(rng, picture, int(rng.integers(1, 6)))
            picture = augment.sensor(rng, picture)
        return picture, boxes[boxes[:, 5] == 0, :5], boxes[boxes[:, 5] == 1, 1:5]


def collate(samples):
    pictures = torch.from_numpy(np.stack([s[0] for s in samples]).transpose(0, 3, 1, 2))
    return pictures, [torch.from_numpy(np.ascontiguousarray(s[1])) for s in samples], [torch.from_numpy(np.ascontiguousarray(s[2])) for s in samples]


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--steps", type=int, default=700)
    args.add_argument("--lr", type=float, default=4e-4)
    args.add_argument("--sim", help="folder of simulated frames")
    args.add_argument("--start", help="checkpoint to start from instead of the published weights")
    args.add_argument("--name", default="fire")
    args = args.parse_args()
    torch.set_num_threads(threads())
    torch.manual_seed(0)
    net = start_from_published(Detector(len(FIRE)), published_weights())
    if args.start:
        net.load_state_dict(torch.load(args.start)["average"])
    grid = torch.from_numpy(anchor_grid(WIDTH, HEIGHT))

    def loss(model, batch):
        pictures, targets, ignore = batch
        return simota_loss(forward(model, pictures), grid, targets, ignore, graded=False)

    fit(net, Samples(args.sim), loss, collate=collate, steps=args.steps, batch=BATCH, lr=args.lr, head_lr=2.5 * args.lr,
        heads=("heads",), frozen=EARLY, checkpoint=work_root() / f"{args.name}.pt")


if __name__ == "__main__":
    main()
