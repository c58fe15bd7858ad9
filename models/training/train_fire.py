"""Trains YOLOX-nano to box flames and smoke on keyframes of street cameras.

    python train_fire.py [--steps 700] [--sim FOLDER]

Two fifths of each batch hold no fire: road pictures with head lamps, brake lights, bloom, fog, low sun, wet asphalt, made from
licensed pictures. `urban-smoke` boxes smoke only, so its flames teach nothing about fire. Pictures are stretched to the input, as
at run time, after their black bars are cut away: bars would tell the source, and the source tells the answer.
"""

import argparse

import cv2
import numpy as np
import torch

import augment
import sim
from boxes import simota_loss
from common import FIRE, data_root, manifest, published_weights, read_boxes, threads, work_root
from nets import Detector, anchor_grid, start_from_published
from trainer import fit

WIDTH, HEIGHT, BATCH, SEED = 512, 288, 10, 20261122
CLASS_FIRE, CLASS_SMOKE = 0, 1
# Pictures with a smoke box over more than this share are left out: a camera full of smoke is a blind camera, and looks like fog.
BLIND = 0.6


def composite(rng, street, fire, boxes):
    """A flame or plume cut from its picture (soft edges, brighter wins) and set into a street: fire where the detector will meet it.

    Returns the street with it and its boxes."""
    h, w = street.shape[:2]
    out, placed = street.astype(np.float32), []
    flames = [b for b in boxes if b[0] == CLASS_FIRE]
    if not flames:
        return street, np.zeros((0, 5), np.float32)
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
        bright = np.clip((cut.min(2) - 215) / 25, 0, 1)  # the white core
        y, x = np.mgrid[-1 : 1 : th * 1j, -1 : 1 : tw * 1j]
        alpha = cv2.GaussianBlur((np.maximum(hot, bright) * np.clip(2.2 - 2.2 * np.hypot(x, y) ** 2, 0, 1)).astype(np.float32), (0, 0), 1.2)
        ys, xs = np.where(alpha > 0.25)
        if len(ys) < 0.12 * th * tw:
            continue
        px, py = int(rng.uniform(0, w - tw)), int(rng.uniform(h * 0.15, max(h * 0.16, h - th)))
        py = min(py, h - th)
        part = out[py : py + th, px : px + tw]
        part[:] = np.maximum(part, cut * alpha[..., None] + part * (1 - alpha[..., None]))
        placed.append((CLASS_FIRE, px + xs.min(), py + ys.min(), px + xs.max() + 1, py + ys.max() + 1))
    return np.clip(out, 0, 255).astype(np.uint8), np.array(placed, np.float32).reshape(-1, 5)


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
        self.smoke = [self.item(r) for r in manifest("urban-smoke")]
        self.streets = [self.item(r, False) for r in manifest("bridge", "highway")]
        self.sim, self.sim_clean = sim.fire_frames(sim_folder) if sim_folder else ([], [])
        print(f"{sum(map(len, self.groups))} pictures with boxes in {len(self.groups)} scenes, {len(self.smoke)} urban smoke, "
              f"{len(self.clean)} + {len(self.streets)} without, {len(self.sim)} + {len(self.sim_clean)} simulated")

    def item(self, row, labelled=True):
        path = self.root / row["path"]
        boxes = read_boxes(path, row["width"], row["height"]) if labelled else np.zeros((0, 5), np.float32)
        return str(path), row["content"], boxes

    @staticmethod
    def load(item):
        path, (x1, y1, x2, y2), boxes = item
        return cv2.imread(path)[y1:y2, x1:x2], boxes - np.array((0, x1, y1, x1, y1), np.float32)

    def __call__(self, index):
        rng = np.random.default_rng((SEED, index))
        slot, fire_known = index % BATCH, 1.0
        zoom, negative = (0.75, 1.8), False
        if slot in (0, 1, 2):
            scene = self.groups[rng.choice(len(self.groups), p=self.group_share)]
            picture, boxes = self.load(scene[rng.integers(len(scene))])
        elif slot == 3:
            picture, boxes = self.load(self.smoke[rng.integers(len(self.smoke))])
            fire_known = 0.0
        elif slot == 4 or (slot == 5 and not self.sim):
            fire, flames = self.load(self.flames[rng.integers(len(self.flames))])
            street, _ = self.load(self.streets[rng.integers(len(self.streets))])
            picture, boxes = composite(rng, street, fire, flames)
            negative = not len(boxes)
        elif slot in (5, 6) and self.sim:
            picture, boxes = self.load(self.sim[rng.integers(len(self.sim))])
            zoom = (0.9, 1.8)
        elif slot == 7 and self.sim_clean:
            picture, boxes = self.load(self.sim_clean[rng.integers(len(self.sim_clean))])
        else:
            pool = self.clean if slot == 9 and rng.random() < 0.5 else self.streets
            picture, boxes = self.load(pool[rng.integers(len(pool))])
            negative = True
        h, w = picture.shape[:2]
        picture = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA if w > WIDTH else cv2.INTER_LINEAR)
        boxes = boxes * np.array((1, WIDTH / w, HEIGHT / h, WIDTH / w, HEIGHT / h), np.float32)
        edge = int(picture.mean())
        picture, boxes, _ = augment.place(rng, picture, boxes, (WIDTH, HEIGHT), zoom, 0.25, edge, 0.2)
        if negative:
            for change, share in ((augment.night, 0.25), (augment.sunset, 0.2), (augment.fog, 0.25), (augment.wet, 0.15)):
                if rng.random() < share:
                    picture = change(rng, picture)
            if rng.random() < 0.4:
                picture = augment.glow(rng, picture, int(rng.integers(1, 14)))
            picture = augment.sensor(rng, augment.colour(rng, picture))
        else:
            if rng.random() < 0.7:
                picture = augment.colour(rng, picture)
            if rng.random() < 0.15:
                picture = augment.glow(rng, picture, int(rng.integers(1, 6)))
            picture = augment.sensor(rng, picture)
        return picture, boxes, np.array((fire_known, 1.0), np.float32)


def collate(samples):
    pictures = torch.from_numpy(np.stack([s[0] for s in samples]).transpose(0, 3, 1, 2))
    return pictures, [torch.from_numpy(np.ascontiguousarray(s[1])) for s in samples], torch.from_numpy(np.stack([s[2] for s in samples]))


def unlabelled_flames(out, grid, known):
    """Where flames are not boxed: anchors that the network itself takes for fire rather than smoke teach nothing about objectness."""
    regions = []
    for b in range(out.shape[0]):
        if known[b, CLASS_FIRE] > 0:
            regions.append(grid.new_zeros((0, 4)))
            continue
        fire = (out[b, :, 5].sigmoid() > 0.3).nonzero().squeeze(1)
        centre, half = (grid[fire, :2] + 0.5) * grid[fire, 2:3], grid[fire, 2:3] / 2
        regions.append(torch.cat((centre - half, centre + half), 1))
    return regions


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
        pictures, targets, known = batch
        out = model(pictures.float().contiguous(memory_format=torch.channels_last))
        return simota_loss(out, grid, targets, unlabelled_flames(out.detach(), grid, known), known)

    fit(net, Samples(args.sim), loss, collate=collate, steps=args.steps, batch=BATCH, lr=args.lr, head_lr=2.5 * args.lr,
        heads=("heads",), checkpoint=work_root() / f"{args.name}.pt")


if __name__ == "__main__":
    main()
