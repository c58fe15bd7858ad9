"""Trains the mask of standing water as a street camera sees it.

    python train_water.py [--steps 600] [--sim FOLDER]

The licensed masks are mostly taken from the air, so streets are flooded by hand: water cut from those pictures is laid over the road
of a licensed street picture in perspective, mirrors what stands above it, and vehicles keep out of it. The same streets dry, wet,
glaring, foggy and at night are the negatives: an all-dry mask.
"""

import argparse

import cv2
import numpy as np
import torch
from torch.nn import functional as F

import augment
import sim
from common import data_root, manifest, published_weights, read_boxes, threads, work_root
from nets import EARLY, WaterNet, start_from_published
from trainer import fit, forward

WIDTH, HEIGHT, STRIDE, BATCH, SEED = 384, 224, 8, 12, 20261123


def value_noise(rng, w, h, cells):
    """Smooth noise in 0..1: random values on a coarse grid, interpolated."""
    grid = rng.random((max(2, int(cells * h / w)), cells)).astype(np.float32)
    return np.clip(cv2.resize(grid, (w, h), interpolation=cv2.INTER_CUBIC), 0, 1)


def flood(rng, street, boxes, water_texture):
    """Floods a street picture: (picture, mask 0/1 float). The shore follows the ground and noise; wheels stand in the water."""
    h, w = street.shape[:2]
    horizon = int(h * rng.uniform(0.3, 0.5))
    depth = np.clip((np.arange(h) - horizon) / max(1, h - horizon), 0, 1).astype(np.float32)[:, None]
    noise = 0.6 * value_noise(rng, w, h, 4) + 0.4 * value_noise(rng, w, h, 12)
    x = np.linspace(0, 1, w, dtype=np.float32)[None]
    level = rng.uniform(0.25, 1.3)
    lean = rng.uniform(-0.8, 0.8) * (x - rng.uniform(0.2, 0.8))
    field = level + rng.uniform(-0.6, 0.9) * (depth - 0.4) - 1.1 * noise + lean
    far_shore = rng.uniform(0.03, 0.3) + rng.uniform(0, 0.3) * (noise - 0.5)
    mask = ((field > 0.1) & (depth > np.maximum(far_shore, 0.01))).astype(np.float32)
    for b in boxes:  # the upper part of a vehicle stands out of the water
        x1, y1, x2, y2 = (int(v) for v in b[1:5])
        stand = int(y1 + (y2 - y1) * rng.uniform(0.7, 0.95))
        mask[max(0, y1) : max(0, stand), max(0, x1) : max(0, x2)] = 0
    mask = cv2.GaussianBlur(mask, (0, 0), 0.8)
    # Mirror of what stands above the horizon, rippled; nearer water mirrors less and shows its own colour more.
    rows = np.clip(2 * horizon - np.arange(h), 0, h - 1)
    rows = (rows * rng.uniform(0.6, 1.0)).astype(int)
    mirror = street[rows].astype(np.float32)
    ripple = (value_noise(rng, w, h, 40) - 0.5) * rng.uniform(0, 14) * (0.3 + depth)
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    mirror = cv2.remap(mirror, xx + ripple, yy + 2 * ripple, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    mirror = cv2.blur(mirror, (3, int(rng.integers(3, 17))))
    if water_texture is not None and rng.random() < 0.6:
        body = cv2.resize(water_texture, (w, h)).astype(np.float32)
    else:
        tone = np.array([(60, 95, 125), (85, 115, 140), (95, 100, 95), (50, 60, 65), (130, 140, 145)][rng.integers(5)], np.float32)
        body = tone * rng.uniform(0.5, 1.4) + (noise[..., None] - 0.5) * 25 + (value_noise(rng, w, h, 60)[..., None] - 0.5) * rng.uniform(0, 40)
    body = body * np.clip(street.mean() / 110, 0.15, 1.3)
    share = (rng.uniform(0.25, 0.85) * (1 - 0.5 * depth))[..., None]
    surface = mirror * share + body * (1 - share)
    if rng.random() < 0.4:
        surface = surface + rng.uniform(10, 60) * (value_noise(rng, w, h, 70)[..., None] > 0.8)
    out = street * (1 - mask[..., None]) + np.clip(surface, 0, 255) * mask[..., None]
    return np.clip(out, 0, 255).astype(np.uint8), (mask > 0.5).astype(np.float32)


class Samples:
    def __init__(self, sim_folder):
        self.root = data_root()
        self.masks = manifest("water-masks")
        self.streets = manifest("bridge", "highway")
        self.bridges = [r for r in self.streets if r["set"] == "bridge"]
        self.sim, self.sim_dry = sim.water_frames(sim_folder) if sim_folder else ([], [])
        print(f"{len(self.masks)} pictures with masks, {len(self.streets)} streets, {len(self.sim)} + {len(self.sim_dry)} simulated frames")

    def masked(self, rng):
        row = self.masks[rng.integers(len(self.masks))]
        path = self.root / row["path"]
        mask_path = path.parent.parent / "masks" / f"{path.stem}.png"
        picture, mask = cv2.imread(str(path)), cv2.imread(str(mask_path), cv2.IMREAD_GRAYSCALE)
        if mask.shape != picture.shape[:2]:
            mask = cv2.resize(mask, picture.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        return picture, (mask > 127).astype(np.float32)

    def texture(self, rng):
        """A square of pure water from one of the masked pictures, or None after a few tries."""
        for _ in range(6):
            picture, mask = self.masked(rng)
            side = int(min(picture.shape[:2]) * rng.uniform(0.12, 0.4))
            y, x = int(rng.integers(picture.shape[0] - side)), int(rng.integers(picture.shape[1] - side))
            if mask[y : y + side, x : x + side].mean() > 0.97:
                return picture[y : y + side, x : x + side]
        return None

    def street(self, rng):
        row = self.streets[rng.integers(len(self.streets))] if rng.random() < 0.35 else self.bridges[rng.integers(len(self.bridges))]
        x1, y1, x2, y2 = row["content"]
        boxes = read_boxes(self.root / row["path"], row["width"], row["height"]) - np.array((0, x1, y1, x1, y1), np.float32)
        return cv2.imread(str(self.root / row["path"]))[y1:y2, x1:x2], boxes

    def __call__(self, index):
        rng = np.random.default_rng((SEED, index))
        slot, zoom = index % BATCH, (1.0, 2.2)
        dry = False
        if slot in (0, 1, 2):
            picture, mask = self.masked(rng)
            zoom = (1.0, 2.5)  # from the air towards the street
        elif slot in (3, 4, 5) and self.sim:
            picture, mask = sim.load_water(self.sim[rng.integers(len(self.sim))])
            zoom = (1.0, 1.5)
        elif slot in (6, 7) and self.sim_dry:
            picture, mask = sim.load_water(self.sim_dry[rng.integers(len(self.sim_dry))])
            zoom = (1.0, 1.5)
        elif slot in (4, 5, 6, 8):
            street, boxes = self.street(rng)
            picture, mask = flood(rng, street, boxes, self.texture(rng))
        else:
            picture, boxes = self.street(rng)
            mask, dry = np.zeros(picture.shape[:2], np.float32), True
        picture = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        mask = cv2.resize(mask, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) * 255
        _, _, matrix = augment.place(rng, picture, np.zeros((0, 5), np.float32), (WIDTH, HEIGHT), zoom, 0.2)
        picture = cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
        mask = cv2.warpAffine(mask, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT) / 255
        if dry:
            for change, share in ((augment.wet, 0.25), (augment.night, 0.2), (augment.fog, 0.15), (augment.sunset, 0.15)):
                if rng.random() < share:
                    picture = change(rng, picture)
            if rng.random() < 0.3:
                picture = augment.glow(rng, picture, int(rng.integers(1, 10)))
        elif rng.random() < 0.12:
            picture = (augment.night, augment.rain, augment.fog)[rng.integers(3)](rng, picture)
        if rng.random() < 0.6:
            picture = augment.colour(rng, picture)
        picture = augment.sensor(rng, picture)
        return picture, mask.reshape(HEIGHT // STRIDE, STRIDE, WIDTH // STRIDE, STRIDE).mean((1, 3))


def collate(samples):
    pictures = torch.from_numpy(np.stack([s[0] for s in samples]).transpose(0, 3, 1, 2))
    return pictures, torch.from_numpy(np.stack([s[1] for s in samples]).astype(np.float32))[:, None]


def mask_loss(logits, truth):
    """Cross-entropy on the water share of a cell, dry pictures twice (a false flood costs more than a late one), and some soft Dice."""
    p = logits.sigmoid()
    dice = 1 - (2 * (p * truth).sum() + 1) / (p.sum() + truth.sum() + 1)
    weight = 1 + (truth.amax((1, 2, 3), keepdim=True) < 0.01).float()
    return F.binary_cross_entropy_with_logits(logits, truth, weight=weight.expand_as(truth)) + 0.2 * dice


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--steps", type=int, default=600)
    args.add_argument("--lr", type=float, default=4e-4)
    args.add_argument("--sim", help="folder of simulated frames")
    args.add_argument("--start", help="checkpoint to start from instead of the published weights")
    args.add_argument("--name", default="water")
    args = args.parse_args()
    torch.set_num_threads(threads())
    torch.manual_seed(0)
    net = start_from_published(WaterNet(), published_weights())
    if args.start:
        net.load_state_dict(torch.load(args.start)["average"])

    def loss(model, batch):
        pictures, truth = batch
        return mask_loss(forward(model, pictures), truth)

    fit(net, Samples(args.sim), loss, collate=collate, steps=args.steps, batch=BATCH, lr=args.lr, head_lr=2.5 * args.lr,
        heads=("mask",), frozen=EARLY, checkpoint=work_root() / f"{args.name}.pt")


if __name__ == "__main__":
    main()
