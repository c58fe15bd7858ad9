"""Trains a head on a frozen trunk to draw a mask of standing water as a street camera sees it.

    python train_water.py [--steps 400] [--share 0.5]

The licensed masks are mostly taken from the air, so streets are flooded by hand: water cut from those pictures is laid over the road
of a licensed street picture in perspective, mirrors what stands above it, and vehicles keep out of it. The same shapes filled with
pale, matt ground are dry: not every patch is a puddle. Streets dry, wet, glaring, foggy and at night, rooms and yards are dry, too.

Heads that did not see a third of the scenes (three of them) say how far a score is to be trusted: the scale of the scores comes from
them, and the table by threshold that is printed.
"""

import argparse
import sys
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch.nn import functional as F

import augment
import sim
from common import averaged, data_root, manifest, read_boxes, shown, threads, work_root
from eye import eye
from heads import FOLDS, by_scene, fit_head, platt, unseen_answers
from nets import WaterHead
from seen import look, seen_at
from trunk import CHANNELS

WIDTH, HEIGHT, STRIDE, SEED = 384, 224, 8, 7
# How many changed pictures of each kind are made, in the order they are made; and a batch.
CHANGED = {"masked": 600, "sim": 60, "flooded": 250, "matt": 120, "dry-bridge": 150, "dry-street": 200}
MIX = {"masked": 9, "sim": 3, "flooded": 6, "matt": 1, "sim-dry": 1, "dry-bridge": 2, "dry-street": 1, "dry-place": 1}
# Of dry pictures as they are, every so manieth; of one scene of places, at most so many.
EVERY = {"dry-bridge": 4, "dry-street": 2, "sim-dry": 3}
OF_ONE_PLACE = 4


class Known(NamedTuple):
    """What is known of a picture: its kind, the scene it shows, whether it was changed, and the share of water in each cell."""

    kind: str
    scene: str
    changed: bool
    water: torch.Tensor


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


def matt(rng, street, boxes):
    """Lays pale, matt ground (concrete, worn asphalt, dust) over the road in the shapes that `flood` gives to water: dry."""
    h, w = street.shape[:2]
    flooded, mask = flood(rng, street, boxes, None)
    grain = value_noise(rng, w, h, 90) - 0.5
    tone = np.array([(150, 155, 160), (120, 122, 125), (165, 175, 185), (95, 98, 100), (120, 140, 160)][rng.integers(5)], np.float32)
    ground = tone * rng.uniform(0.6, 1.3) * np.clip(street.mean() / 110, 0.2, 1.3)
    ground = ground + (value_noise(rng, w, h, 5)[..., None] - 0.5) * rng.uniform(0, 50) + grain[..., None] * rng.uniform(0, 25)
    ground = ground + rng.normal(0, rng.uniform(0, 8), (h, w, 1)) + (street - cv2.GaussianBlur(street, (0, 0), 6).astype(np.float32)) * rng.uniform(0, 0.8)
    soft = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.5, 4))[..., None]
    return np.clip(street * (1 - soft) + ground * soft, 0, 255).astype(np.uint8)


def view(rng, zoom, turn):
    """A random crop, mirror and (seen from the air) slight turn, as the matrix of a warp from one and a half times the input's size."""
    factor = np.exp(rng.uniform(*np.log(zoom)))
    fx, fy = factor * np.exp(rng.uniform(-0.2, 0.2)), factor * np.exp(rng.uniform(-0.2, 0.2))
    tx = rng.uniform(min(0, WIDTH - WIDTH * fx), max(0, WIDTH - WIDTH * fx))
    ty = rng.uniform(min(0, HEIGHT - HEIGHT * fy), max(0, HEIGHT - HEIGHT * fy))
    matrix = np.array([[fx / 1.5, 0, tx], [0, fy / 1.5, ty], [0, 0, 1]])
    if rng.random() < 0.5:
        matrix[0] = (-fx / 1.5, 0, WIDTH - tx)
    if turn:
        matrix = np.vstack((cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), rng.uniform(-12, 12), 1), (0, 0, 1))) @ matrix
    return matrix[:2].astype(np.float32)


def gentle_colour(rng, picture):
    """Another camera's exposure and white balance, less than `augment.colour` gives: the colour of water says much."""
    x = 255 * (picture.astype(np.float32) / 255) ** np.exp(rng.uniform(-0.3, 0.3))
    x = ((x - 127) * rng.uniform(0.8, 1.2) + 127 + rng.uniform(-20, 20)) * rng.uniform(0.92, 1.08, 3)
    x = np.clip(x, 0, 255)
    grey = x.mean(2, keepdims=True)
    return np.clip(grey + (x - grey) * rng.uniform(0.6, 1.3), 0, 255).astype(np.uint8)


class Pictures:
    """All pictures to learn from, as they are and changed, in a fixed order."""

    def __init__(self, sim_folder):
        self.root, self.average = data_root(), averaged("water")
        self.masks, self.bridges, self.streets = (manifest(s) for s in ("water-masks", "bridge", "highway"))
        self.places, count = [], {}
        for row in manifest("cctv", "rzosn", "urban-smoke", "dfire-aof"):
            count[row["group"]] = count.get(row["group"], 0) + 1
            if count[row["group"]] <= OF_ONE_PLACE:
                self.places.append(row)
        if not self.masks:
            sys.exit("no water-masks in the manifest: without drawn water there is nothing to learn from (README.md, Data)")
        self.sim, self.sim_dry = sim.water_frames(sim_folder)
        sources = {"sim": self.sim, "dry-bridge": self.bridges, "dry-street": self.streets, "flooded": self.bridges and self.streets, "matt": self.bridges and self.streets}
        self.changes = {kind: number for kind, number in CHANGED.items() if sources.get(kind, True)}
        dry = (self.bridges[:: EVERY["dry-bridge"]], self.streets[:: EVERY["dry-street"]], self.places, self.sim_dry[:: EVERY["sim-dry"]])
        self.count = sum(map(len, (self.masks, self.sim, *dry))) + sum(self.changes.values())
        print(f"{len(self.masks)} pictures with masks; dry: {len(self.bridges)} bridges, {len(self.streets)} streets, {len(self.places)} places; "
              f"simulated: {len(self.sim)} under water, {len(self.sim_dry)} dry", flush=True)

    def masked(self, row):
        path = self.root / row["path"]
        mask_path = path.parent.parent / "masks" / f"{path.stem}.png"
        picture, mask = cv2.imread(str(path)), cv2.imread(str(mask_path), cv2.IMREAD_GRAYSCALE)
        if mask.shape != picture.shape[:2]:
            mask = cv2.resize(mask, picture.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        return picture, (mask > 127).astype(np.float32)

    def dry(self, row):
        x1, y1, x2, y2 = row["content"]
        picture = cv2.imread(str(self.root / row["path"]))[y1:y2, x1:x2]
        return picture, np.zeros(picture.shape[:2], np.float32)

    def texture(self, rng):
        """A square of pure water from one of the masked pictures, or None after a few tries."""
        for _ in range(6):
            picture, mask = self.masked(self.masks[rng.integers(len(self.masks))])
            side = int(min(picture.shape[:2]) * rng.uniform(0.12, 0.4))
            y, x = int(rng.integers(picture.shape[0] - side)), int(rng.integers(picture.shape[1] - side))
            if mask[y : y + side, x : x + side].mean() > 0.97:
                return picture[y : y + side, x : x + side]
        return None

    def plain(self):
        """Every picture as it is: (kind, scene, picture, mask)."""
        for row in self.masks:
            yield "masked", row["group"], *self.masked(row)
        for kind, rows in (("dry-bridge", self.bridges), ("dry-street", self.streets), ("dry-place", self.places)):
            for row in rows[:: EVERY.get(kind, 1)]:
                yield kind, row["group"], *self.dry(row)
        for kind, frames in (("sim", self.sim), ("sim-dry", self.sim_dry)):
            for frame in frames[:: EVERY.get(kind, 1)]:
                yield kind, sim.street(frame[0]), *sim.load_water(frame)

    def changed(self, kind, rng):
        """One picture of a kind, changed: (scene, picture, mask)."""
        if kind == "masked":
            row = self.masks[rng.integers(len(self.masks))]
            scene, (picture, mask) = row["group"], self.masked(row)
        elif kind == "sim":
            frame = self.sim[rng.integers(len(self.sim))]
            scene, (picture, mask) = sim.street(frame[0]), sim.load_water(frame)
        else:
            rows = self.bridges if kind == "dry-bridge" or (kind in ("flooded", "matt") and rng.random() < 0.65) else self.streets
            row = rows[rng.integers(len(rows))]
            scene, (picture, mask) = row["group"], self.dry(row)
            x1, y1, _, _ = row["content"]
            boxes = read_boxes(self.root / row["path"], row["width"], row["height"]) - np.array((0, x1, y1, x1, y1), np.float32)
            if kind == "flooded":
                picture, mask = flood(rng, picture, boxes, self.texture(rng))
            elif kind == "matt":
                picture = matt(rng, picture, boxes)
        size = (WIDTH * 3 // 2, HEIGHT * 3 // 2)
        picture, mask = (cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in (picture, mask))
        matrix = view(rng, (0.8, 2.0) if kind == "masked" else (1.0, 1.5), turn=kind == "masked" and rng.random() < 0.5)
        picture, mask = (cv2.warpAffine(p, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT_101) for p in (picture, mask))
        if rng.random() < 0.7:
            picture = gentle_colour(rng, picture)
        if kind.startswith("dry"):
            for change, share in ((augment.wet, 0.25), (augment.night, 0.15), (augment.fog, 0.12), (augment.sunset, 0.1)):
                if rng.random() < share:
                    picture = change(rng, picture)
        elif rng.random() < 0.1:
            picture = (augment.night, augment.rain, augment.fog)[rng.integers(3)](rng, picture)
        return scene, augment.sensor(rng, picture) if rng.random() < 0.4 else picture, mask

    def __iter__(self):
        for kind, scene, picture, mask in self.plain():
            mask = cv2.resize(mask, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
            yield shown(picture, (WIDTH, HEIGHT), self.average), Known(kind, scene, False, shares(mask))
        for kind, number in self.changes.items():
            for index in range(number):
                rng = np.random.default_rng((SEED, index, len(kind), ord(kind[0]), ord(kind[-1])))
                scene, picture, mask = self.changed(kind, rng)
                yield picture, Known(kind, scene, True, shares(mask))


def shares(mask):
    """The share of water in each cell of a mask of the input's size, [1, h, w]."""
    return torch.from_numpy(mask.reshape(HEIGHT // STRIDE, STRIDE, WIDTH // STRIDE, STRIDE).mean((1, 3)))[None].float()


def mask_loss(logits, truth):
    """Cross-entropy on the water share of a cell, and some soft Dice."""
    p = logits.sigmoid()
    dice = 1 - (2 * (p * truth).sum() + 1) / (p.sum() + truth.sum() + 1)
    return F.binary_cross_entropy_with_logits(logits, truth) + 0.3 * dice


def loss_of(answer, known):
    """The loss of a batch."""
    return mask_loss(answer, torch.stack([k.water for k in known]))


def report(kinds, p, truth):
    """By threshold of a cell: how well water is drawn and which share of dry pictures has a fifth of its lower half under water."""
    drawn = [torch.tensor([k == kind for k in kinds]) for kind in ("masked", "sim")]
    print("threshold  IoU masks  IoU sim  " + "  ".join(f"{k:>11}" for k in DRY))
    for threshold in (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 0.9):
        said, true = p >= threshold, truth >= 0.5
        iou, simulated = (float((said & true)[wet].sum() / (said | true)[wet].sum().clamp(min=1)) for wet in drawn)
        low = said[:, :, said.shape[2] // 2 :].float().mean((1, 2, 3))
        flagged = {k: [float(v) >= 0.2 for v, kind in zip(low, kinds) if kind == k] for k in DRY}
        print(f"{threshold:9}  {iou:9.3f}  {simulated:7.3f}  " + "  ".join(f"{np.mean(f):11.3f}" for f in flagged.values()), flush=True)


DRY = ("dry-bridge", "dry-street", "dry-place", "sim-dry")


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--steps", type=int, default=400)
    args.add_argument("--share", type=float, default=1.0, help="train on this share of the places with drawn water: for the learning curve")
    args.add_argument("--draw", type=int, default=0, help="which scenes a share is made of: another number, others")
    args.add_argument("--int8", action="store_true", help="look through the trunk in eight bits, and export it so")
    args.add_argument("--name", default="water")
    args = args.parse_args()
    torch.set_num_threads(threads())
    pictures = Pictures(work_root() / "sim")
    seen = look(eye((WIDTH, HEIGHT), args.int8), (WIDTH, HEIGHT), CHANNELS, pictures.count, pictures, seen_at("water", (WIDTH, HEIGHT), args.int8))
    scale = seen.scale(np.random.default_rng(SEED))

    def train(fold, steps):
        groups = by_scene(seen.known, MIX, fold, args.share, ("masked",), args.draw)
        return fit_head(WaterHead(CHANNELS), seen, scale, groups, MIX, loss_of, steps=steps, seed=0, blind=0.5)

    indices, logits = unseen_answers(seen, scale, [train(fold, args.steps // 2) for fold in range(FOLDS)])
    truth = torch.stack([seen.known[i].water for i in indices])
    factor, shift = platt(logits, truth >= 0.5)
    report([seen.known[i].kind for i in indices], (factor * logits + shift).sigmoid(), truth)
    head = train(None, args.steps)
    head.settle(scale, factor, shift)
    torch.save({"average": head.state_dict(), "size": (WIDTH, HEIGHT), "int8": args.int8}, work_root() / f"{args.name}.pt")


if __name__ == "__main__":
    main()
