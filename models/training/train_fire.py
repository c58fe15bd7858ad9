"""Trains a small head on YOLOX-nano's frozen backbone to find flames and smoke on keyframes of street cameras.

    python train_fire.py [--steps 400]

Scenes with fire are few and a net that may change all of itself learns them by heart: what the published backbone sees stays as it is,
is computed once for every picture, plain and changed, and only the head learns.

A third of each batch holds no fire: streets with head lamps, brake lights, bloom, fog, low sun, wet asphalt, other hues.
`urban-smoke` boxes smoke only: its flames are boxed here by their colour, and where none is found the picture as a whole says
fire. Pictures are stretched to the input, as at run time, after their black bars are cut away: bars would tell the source, and the
source tells the answer.
"""

import argparse
import copy
import hashlib
import os
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch.nn import functional as F

import augment
import sim
from areas import area_loss
from common import FIRE, data_root, manifest, published_weights, read_boxes, threads, work_root
from nets import FireNet, cell_grid, start_from_published

WIDTH, HEIGHT, SEED, RATE = 512, 288, 20261122, 2e-3
# How many changed pictures of each kind there are, by (kind, place in a ten of Samples).
COUNTS = {("camera", 0): 450, ("urban", 2): 350, ("fire", 3): 350, ("composite", 5): 350, ("sim", 6): 150, ("sim-clean", 7): 150, ("clean", 8): 350,
          ("clean", 9): 900}
# Added to the logits of fire and smoke at the end, so that a score of 0.5 is where traffic clips stay quiet (see the card).
SHIFT = (0.0, -1.0)
# A batch: so many of each kind.
MIX = {"camera": 6, "urban": 4, "fire": 6, "composite": 3, "sim": 4, "sim-clean": 3, "clean": 10}
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
        return street, NONE
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
        placed.append((CLASS_FIRE, px + xs.min(), py + ys.min(), px + xs.max() + 1, py + ys.max() + 1))
    return np.clip(out, 0, 255).astype(np.uint8), np.array(placed, np.float32).reshape(-1, 5)


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


def fitted(picture, boxes):
    """A picture and its boxes stretched to the network's input."""
    h, w = picture.shape[:2]
    picture = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA if w > WIDTH else cv2.INTER_LINEAR)
    return picture, boxes * np.array((1, WIDTH / w, HEIGHT / h, WIDTH / w, HEIGHT / h), np.float32)


class Item(NamedTuple):
    """A picture to train on."""

    path: str
    content: tuple  # what is inside its black bars, x1 y1 x2 y2
    boxes: np.ndarray  # [n, 5] class, corners in the file's pixels
    known: tuple = (True, True)  # fire, smoke: whether it is nowhere outside the boxes
    somewhere: tuple = (False, False)  # fire, smoke: whether it is in the picture though nobody boxed it


class Samples:
    """The pictures of ten kinds, as they are (`plain`) and changed (called with an index, whose last digit is the kind)."""

    def __init__(self, sim_folder):
        self.scenes, self.clean, self.urban, self.fires, self.alike = {}, [], [], {}, []
        for row in manifest("cctv"):
            item = self.item(row)
            area = row["width"] * row["height"]
            smoke = item.boxes[item.boxes[:, 0] == CLASS_SMOKE]
            if len(smoke) and ((smoke[:, 3] - smoke[:, 1]) * (smoke[:, 4] - smoke[:, 2])).max() > BLIND * area:
                continue
            if len(item.boxes):
                self.scenes.setdefault(row["group"], []).append(item)
            else:
                self.clean.append(item)
        for row in manifest("urban-smoke"):
            item = self.item(row)
            x1, y1, x2, y2 = item.content
            flames, _ = flames_by_colour(cv2.imread(item.path)[y1:y2, x1:x2])
            boxes = np.concatenate((item.boxes, flames + np.array((0, x1, y1, x1, y1), np.float32)))
            self.urban.append(item._replace(boxes=boxes, known=(False, False), somewhere=(len(flames) == 0, False)))
        for row in manifest("rzosn"):
            item = self.item(row)
            has = [(item.boxes[:, 0] == c).any() for c in (CLASS_FIRE, CLASS_SMOKE)]
            if any(has):
                self.fires.setdefault(row["group"], []).append(item._replace(known=(bool(has[0]), False)))
            else:
                self.alike.append(item)
        self.streets = [self.item(r, False) for r in manifest("bridge", "highway")]
        self.flames = [i for i in self.urban if (i.boxes[:, 0] == CLASS_FIRE).any()]
        self.flames += [i for g in self.fires.values() for i in g[:2] if (i.boxes[:, 0] == CLASS_FIRE).any()]
        with_fire, without = sim.fire_frames(sim_folder)
        self.sim, self.sim_clean = ([Item(*f[:3]) for f in frames] for frames in (with_fire, without))
        self.scene_lists, self.fire_lists = list(self.scenes.values()), list(self.fires.values())
        print(f"{sum(map(len, self.scene_lists))} camera pictures of {len(self.scenes)} scenes, {len(self.urban)} urban fires, "
              f"{sum(map(len, self.fire_lists))} fires of {len(self.fires)} scenes, {len(self.sim)} simulated; without fire: "
              f"{len(self.clean)} cameras, {len(self.alike)} look-alikes, {len(self.streets)} streets, {len(self.sim_clean)} simulated", flush=True)

    @staticmethod
    def item(row, labelled=True):
        path = data_root() / row["path"]
        return Item(str(path), row["content"], read_boxes(path, row["width"], row["height"]) if labelled else NONE)

    @staticmethod
    def load(item):
        """The picture inside its bars and its boxes there."""
        x1, y1, x2, y2 = item.content
        return cv2.imread(item.path)[y1:y2, x1:x2], item.boxes - np.array((0, x1, y1, x1, y1), np.float32)

    @staticmethod
    def of(rng, lists):
        """One of a list of scenes, larger ones more often, but not in proportion; then one of its pictures."""
        weight = np.array([len(s) for s in lists]) ** 0.4
        scene = lists[rng.choice(len(lists), p=weight / weight.sum())]
        return scene[rng.integers(len(scene))]

    def pick(self, rng, slot):
        """An item for a place in the batch, or a composite: (item, picture, boxes)."""
        if slot in (0, 1):
            item = self.of(rng, self.scene_lists)
        elif slot == 2 or (slot in (3, 4) and not self.fires):
            item = self.urban[rng.integers(len(self.urban))]
        elif slot in (3, 4):
            item = self.of(rng, self.fire_lists)
        elif slot == 5:
            street = self.streets[rng.integers(len(self.streets))]
            fire, flames = self.load(self.flames[rng.integers(len(self.flames))])
            return street, *composite(rng, self.load(street)[0], fire, flames)
        elif slot == 6:
            item = self.sim[rng.integers(len(self.sim))]
        elif slot == 7:
            item = self.sim_clean[rng.integers(len(self.sim_clean))]
        elif slot == 8:
            pool = self.alike if self.alike and rng.random() < 0.7 else self.clean
            item = pool[rng.integers(len(pool))]
        else:
            item = self.streets[rng.integers(len(self.streets))]
        return item, *self.load(item)

    def __call__(self, index):
        rng = np.random.default_rng((SEED, index))
        slot = index % 10
        item, picture, boxes = self.pick(rng, slot)
        picture, boxes = fitted(picture, boxes)
        zoom = (0.9, 1.8) if item.somewhere[0] is False else (0.9, 1.2)  # a crop might lose a flame that nobody boxed
        picture, boxes, _ = augment.place(rng, picture, boxes, (WIDTH, HEIGHT), zoom, 0.2, int(picture.mean()), 0.2)
        if not len(boxes) and not any(item.somewhere):
            picture = self.worse(rng, picture) if rng.random() < 0.6 else picture
        if rng.random() < 0.5:
            picture = augment.colour(rng, picture)
        if rng.random() < 0.4:
            picture = augment.sensor(rng, picture)
        return picture, boxes, item

    @staticmethod
    def worse(rng, picture):
        """A picture without fire in weather and light that look like it."""
        changes = (augment.other_hues, augment.night, augment.sunset, augment.fog, augment.wet)
        for change in changes:
            if rng.random() < 0.2:
                picture = change(rng, picture)
        return augment.glow(rng, picture, int(rng.integers(1, 14))) if rng.random() < 0.4 else picture


def plain(samples):
    """Every picture once as it is, of streets every second one: (kind, scene, item)."""
    for kind, scenes in (("camera", samples.scenes), ("fire", samples.fires)):
        for scene, items in scenes.items():
            yield from ((kind, scene, i) for i in items)
    for kind, items in (("urban", samples.urban), ("sim", samples.sim), ("sim-clean", samples.sim_clean), ("clean", samples.clean), ("clean", samples.streets[::2])):
        yield from ((kind, i.path, i) for i in items)


def start():
    """The published backbone and a head that says nothing yet."""
    net = start_from_published(FireNet(len(FIRE)), published_weights())
    last = net.cells[-1].bias.data
    last[:] = torch.tensor((0, 0, 1.5, 1.5, *(-2.0 for _ in FIRE)))
    return net.eval().to(memory_format=torch.channels_last)


@torch.no_grad()
def prepared(net, samples, path):
    """What the frozen backbone sees in every picture, computed once: (features in a file [n, 512, h, w] of float16, kinds, scenes, truths)."""
    count = sum(1 for _ in plain(samples)) + sum(COUNTS.values())
    if path.exists() and path.with_suffix(".pt").exists():
        return np.load(path, mmap_mode="r"), *torch.load(path.with_suffix(".pt"), weights_only=False)
    store = np.lib.format.open_memmap(path, "w+", np.float16, (count, 512, HEIGHT // 16, WIDTH // 16))
    kinds, scenes, truths = [], [], []

    def add(kind, scene, picture, boxes, known, somewhere):
        x = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None].float().contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=os.environ.get("MATPHO_BF16") == "1"):
            store[len(kinds)] = net.features(x)[0].half().numpy()
        kinds.append(kind)
        scenes.append(scene)
        truths.append((torch.from_numpy(np.ascontiguousarray(boxes, np.float32)), known, somewhere))
        if len(kinds) % 500 == 0:
            print(f"{len(kinds)} of {count} pictures seen", flush=True)

    for kind, scene, item in plain(samples):
        picture, boxes = samples.load(item)
        add(kind, scene, *fitted(picture, boxes), item.known, item.somewhere)
    for (kind, slot), number in COUNTS.items():
        for k in range(number):
            picture, boxes, item = samples(slot + 10 * k)
            add(kind, item.path, picture, boxes, item.known, item.somewhere)
    store.flush()
    torch.save((kinds, scenes, truths), path.with_suffix(".pt"))
    return store, kinds, scenes, truths


def pools(kinds, scenes, share):
    """For each kind, its scenes as lists of indices: all of them, or a share of the scenes of cameras and fires (the learning curve)."""
    out = {kind: {} for kind in MIX}
    for index, (kind, scene) in enumerate(zip(kinds, scenes)):
        out[kind].setdefault(scene, []).append(index)
    for kind in ("camera", "urban", "fire"):
        for scene in sorted(out[kind], key=lambda s: hashlib.sha256(s.encode()).hexdigest())[max(1, round(share * len(out[kind]))) :]:
            del out[kind][scene]
    return {kind: list(groups.values()) for kind, groups in out.items()}


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--steps", type=int, default=400)
    args.add_argument("--share", type=float, default=1.0, help="train on this share of the scenes: for the learning curve")
    args.add_argument("--name", default="fire")
    args = args.parse_args()
    torch.set_num_threads(threads())
    torch.manual_seed(0)
    rng = np.random.default_rng(SEED)
    net = start()
    features, kinds, scenes, truths = prepared(net, Samples(work_root() / "sim"), work_root() / "fire-features.npy")
    some = torch.from_numpy(features[np.sort(rng.choice(len(features), min(300, len(features)), replace=False))]).float()
    mean, spread = some.mean((0, 2, 3))[:, None, None], some.std((0, 2, 3))[:, None, None] + 0.05
    groups = pools(kinds, scenes, args.share)
    grid = torch.from_numpy(cell_grid(WIDTH, HEIGHT, 16))
    head, smooth = net.cells, copy.deepcopy(net.cells)
    optimiser = torch.optim.AdamW(head.parameters(), RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=args.steps, pct_start=0.1)
    total = 0.0
    for step in range(1, args.steps + 1):
        chosen = []
        for kind, number in MIX.items():
            weight = np.array([len(g) for g in groups[kind]]) ** 0.5  # larger scenes more often, but not in proportion
            for g in rng.choice(len(groups[kind]), number, p=weight / weight.sum()):
                chosen.append(groups[kind][g][rng.integers(len(groups[kind][g]))])
        x = F.dropout2d((torch.from_numpy(np.stack([features[i] for i in chosen])).float() - mean) / spread, 0.1)
        loss = area_loss(net.answer(x), grid, [truths[i] for i in chosen])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        total += float(loss.detach())
        with torch.no_grad():
            for a, p in zip(smooth.parameters(), head.parameters()):
                a.lerp_(p, max(0.02, 1 / step))
        if step % 25 == 0:
            print(f"step {step}/{args.steps}  loss {total / 25:.3f}", flush=True)
            total = 0.0
    net.cells = smooth
    take_in(net.cells[0].conv, mean, spread)
    net.cells[-1].bias.data[4:] += torch.tensor(SHIFT)
    torch.save({"average": net.state_dict()}, work_root() / f"{args.name}.pt")


def take_in(conv, mean, spread):
    """Moves the normalisation of the features into the first convolution that reads them."""
    with torch.no_grad():
        weight = conv.weight / spread.ravel()[None, :, None, None]
        conv.bias -= (weight * mean.ravel()[None, :, None, None]).sum((1, 2, 3))
        conv.weight.copy_(weight)


if __name__ == "__main__":
    main()
