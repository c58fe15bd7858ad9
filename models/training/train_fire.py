"""Trains a head on a frozen trunk to find flames and smoke on keyframes of street cameras.

    python train_fire.py [--steps 500] [--share 0.5]

Scenes with fire are few and a net that may change all of itself learns them by heart: the trunk stays as published, what it sees in every
picture, plain and changed, is computed once (`seen.py`), and only the head learns.

Half of each batch holds no fire: streets with head lamps, brake lights, bloom, fog, low sun, wet asphalt, other hues, and what
`lookalikes.py` paints over them. `urban-smoke` boxes smoke only: its flames are boxed here by their colour, and where none is found the
picture as a whole says fire. Pictures are stretched to the input, as at run time, after their black bars are cut away: bars would tell
the source, and the source tells the answer.

Heads that did not see a third of the scenes (three of them) say how far a score is to be trusted: the scale of the scores, and with it
the threshold of 0.5, comes from them, never from the pictures that judge.
"""

import argparse
import math
from typing import NamedTuple

import cv2
import numpy as np
import torch

import augment
import lookalikes
import sim
from areas import area_loss
from common import FIRE, data_root, manifest, read_boxes, shown, threads, work_root
from eye import eye
from flames import CLASS_FIRE, CLASS_SMOKE, NONE, composite, flames_by_colour, plume
from heads import FOLDS, by_scene, fit_head, platt, unseen_answers
from nets import FireHead, cell_grid
from seen import look, seen_at
from trunk import CHANNELS

WIDTH, HEIGHT, SEED = 448, 256, 20261122
# How many changed pictures of each kind are made, and a batch.
CHANGED = {"camera": 360, "urban": 240, "fire": 150, "composite": 150, "plume": 150, "clean": 120, "street": 250, "alike": 840, "sim": 60}
MIX = {"camera": 7, "urban": 5, "fire": 5, "composite": 2, "plume": 2, "sim": 4, "sim-clean": 2, "clean": 3, "street": 4, "alike": 8}
# What a changed picture is made of, where that is not its own kind.
MADE_OF = {"composite": ("street",), "plume": ("street",), "alike": ("street", "street", "street", "clean", "clean")}
# Of pictures as they are, every so manieth; of one scene, at most so many.
EVERY = {"street": 5, "sim-clean": 3}
OF_ONE_SCENE = {"camera": 140, "fire": 6, "clean": 40}
# Pictures with a smoke box over more than this share are left out: a camera full of smoke is a blind camera, and looks like fog.
BLIND = 0.75
# Of pictures without fire or smoke that a head did not see, at most this share may say it at the threshold.
FALSE_SHARE = 0.02


class Item(NamedTuple):
    """A picture to train on."""

    path: str
    content: tuple  # what is inside its black bars, x1 y1 x2 y2
    boxes: np.ndarray  # [n, 5] class, corners in the file's pixels
    scene: str
    known: tuple = (True, True)  # fire, smoke: whether it is nowhere outside the boxes
    somewhere: tuple = (False, False)  # fire, smoke: whether it is in the picture though nobody boxed it


class Known(NamedTuple):
    """What is known of a picture that the trunk saw: its boxes are in pixels of the input."""

    kind: str
    scene: str
    changed: bool
    boxes: torch.Tensor
    known: tuple
    somewhere: tuple


def fitted(picture, boxes):
    """A picture and its boxes stretched to the network's input."""
    h, w = picture.shape[:2]
    return shown(picture, (WIDTH, HEIGHT)), boxes * np.array((1, WIDTH / w, HEIGHT / h, WIDTH / w, HEIGHT / h), np.float32)


def item(row, labelled=True):
    """An item of a row of the manifest."""
    path = data_root() / row["path"]
    return Item(str(path), row["content"], read_boxes(path, row["width"], row["height"]) if labelled else NONE, row["group"])


def load(item):
    """The picture inside its bars and its boxes there."""
    x1, y1, x2, y2 = item.content
    return cv2.imread(item.path)[y1:y2, x1:x2], item.boxes - np.array((0, x1, y1, x1, y1), np.float32)


def spread(items, most):
    """At most so many of each scene's items, evenly spread."""
    scenes = {}
    for i in items:
        scenes.setdefault(i.scene, []).append(i)
    return [i for s in scenes.values() for i in s[:: max(1, -(-len(s) // most))]]


class Pictures:
    """All pictures to learn from, by kind, as they are and changed, in a fixed order."""

    def __init__(self, sim_folder):
        camera, clean, fires = [], [], []
        for row in manifest("cctv"):
            i = item(row)
            smoke = i.boxes[i.boxes[:, 0] == CLASS_SMOKE]
            if len(smoke) and ((smoke[:, 3] - smoke[:, 1]) * (smoke[:, 4] - smoke[:, 2])).max() > BLIND * row["width"] * row["height"]:
                continue
            (camera if len(i.boxes) else clean).append(i)
        for row in manifest("rzosn"):
            if row["lamps"]:
                clean.append(item(row, False))
            else:
                fires.append(item(row)._replace(known=(True, False)))
        clean += [item(r, False) for r in manifest("dfire-aof", "water-masks")]
        with_fire, without = ([Item(*f[:3], sim.street(f[0])) for f in frames] for frames in sim.fire_frames(sim_folder))
        self.kinds = {
            "camera": spread(camera, OF_ONE_SCENE["camera"]),
            "urban": [self.urban(row) for row in manifest("urban-smoke")],
            "fire": spread(fires, OF_ONE_SCENE["fire"]),
            "clean": spread(clean, OF_ONE_SCENE["clean"]),
            "street": [item(r, False) for r in manifest("bridge", "highway")],
            "sim": with_fire,
            "sim-clean": without,
        }
        self.flames = [i for k in ("urban", "fire") for i in self.kinds[k] if (i.boxes[:, 0] == CLASS_FIRE).any()]
        made = {kind for kind in CHANGED if all(self.kinds[k] for k in MADE_OF.get(kind, (kind,)))} - (set() if self.flames else {"composite"})
        self.changes = {kind: count for kind, count in CHANGED.items() if kind in made}
        self.count = sum(len(items[:: EVERY.get(kind, 1)]) for kind, items in self.kinds.items()) + sum(self.changes.values())
        print(", ".join(f"{kind} {len(items)} of {len({i.scene for i in items})} scenes" for kind, items in self.kinds.items()), flush=True)

    @staticmethod
    def urban(row):
        i = item(row)
        x1, y1, x2, y2 = i.content
        flames, _ = flames_by_colour(cv2.imread(i.path)[y1:y2, x1:x2])
        boxes = np.concatenate((i.boxes, flames + np.array((0, x1, y1, x1, y1), np.float32)))
        return i._replace(boxes=boxes, known=(False, False), somewhere=(len(flames) == 0, False))

    def changed(self, kind, rng):
        """One picture of a kind, changed: (picture, what is known of it)."""
        sources = MADE_OF.get(kind, (kind,))
        items = self.kinds[sources[rng.integers(len(sources))]]
        i = items[rng.integers(len(items))]
        picture, boxes = load(i)
        if kind == "composite":
            fire, flames = load(self.flames[rng.integers(len(self.flames))])
            picture, boxes = composite(rng, picture, fire, flames)
        if kind == "plume":
            picture, boxes = plume(rng, picture)
        picture, boxes = fitted(picture, boxes)
        zoom = (0.9, 1.2) if i.somewhere[0] else (0.9, 1.8)  # a crop might lose a flame that nobody boxed
        picture, boxes, _ = augment.place(rng, picture, boxes, (WIDTH, HEIGHT), zoom, 0.2, int(picture.mean()), 0.2)
        if kind == "alike":
            picture = lookalikes.any_of(rng, picture)
        elif not len(boxes) and not any(i.somewhere) and rng.random() < 0.7:
            picture = worse(rng, picture)
        if rng.random() < 0.5:
            picture = augment.colour(rng, picture)
        if rng.random() < 0.4:
            picture = augment.sensor(rng, picture)
        return picture, Known(kind, i.scene, True, torch.from_numpy(np.ascontiguousarray(boxes, np.float32)), i.known, i.somewhere)

    def __iter__(self):
        for kind, items in self.kinds.items():
            for i in items[:: EVERY.get(kind, 1)]:
                picture, boxes = fitted(*load(i))
                yield picture, Known(kind, i.scene, False, torch.from_numpy(np.ascontiguousarray(boxes, np.float32)), i.known, i.somewhere)
        for number, (kind, count) in enumerate(self.changes.items()):
            for index in range(count):
                yield self.changed(kind, np.random.default_rng((SEED, number, index)))


def worse(rng, picture):
    """A picture without fire in weather and light that look like it."""
    for change in (augment.other_hues, augment.night, augment.sunset, augment.fog, augment.wet):
        if rng.random() < 0.2:
            picture = change(rng, picture)
    return augment.glow(rng, picture, int(rng.integers(1, 14))) if rng.random() < 0.4 else picture


def honest(seen, indices, answers):
    """Factor and shift of the scores, by class, so that what is said with 0.5 of a picture is right as often as not among as many pictures with as
    without, and not said of more than FALSE_SHARE of those without. From pictures that the heads did not see."""
    out = []
    for c, name in enumerate(FIRE):
        best = answers[..., 5 + c].amax(1)
        known = [seen.known[i] for i in indices]
        there = torch.tensor([bool((k.boxes[:, 0] == c).any()) for k in known])
        absent = torch.tensor([not len(k.boxes) and not any(k.somewhere) and all(k.known) for k in known])
        yes, no = best[there], best[absent]
        number = min(len(yes), len(no))
        x = torch.cat((yes[torch.linspace(0, len(yes) - 1, number).long()], no[torch.linspace(0, len(no) - 1, number).long()]))
        factor, shift = platt(x, torch.cat((torch.ones(number), torch.zeros(number))))
        quiet = float(no.quantile(1 - FALSE_SHARE))
        shift = min(shift, -factor * quiet)
        for threshold in (0.3, 0.5, 0.7, 0.9):
            level = (math.log(threshold / (1 - threshold)) - shift) / factor
            print(f"{name} from {threshold}: said of {float((yes >= level).float().mean()):.3f} of {len(yes)} pictures with it, "
                  f"{float((no >= level).float().mean()):.4f} of {len(no)} without", flush=True)
        out.append((factor, shift))
    return out


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--steps", type=int, default=900)
    args.add_argument("--share", type=float, default=1.0, help="train on this share of the scenes with fire: for the learning curve")
    args.add_argument("--draw", type=int, default=0, help="which scenes a share is made of: another number, others")
    args.add_argument("--int8", action="store_true", help="look through the trunk in eight bits, and export it so")
    args.add_argument("--name", default="fire")
    args = args.parse_args()
    torch.set_num_threads(threads())
    torch.manual_seed(0)
    pictures = Pictures(work_root() / "sim")
    seen = look(eye((WIDTH, HEIGHT), args.int8), (WIDTH, HEIGHT), CHANNELS, pictures.count, pictures, seen_at("fire", (WIDTH, HEIGHT), args.int8))
    scale = seen.scale(np.random.default_rng(SEED))
    grid = torch.from_numpy(cell_grid(WIDTH, HEIGHT, 16))

    def train(fold, steps):
        groups = by_scene(seen.known, MIX, fold, args.share, ("camera", "urban", "fire"), args.draw)
        head = FireHead(CHANNELS, len(FIRE))
        return fit_head(head, seen, scale, groups, MIX, lambda out, known: area_loss(out, grid, [k[3:] for k in known]), steps=steps, seed=0)

    indices, answers = unseen_answers(seen, scale, [train(fold, args.steps // 3) for fold in range(FOLDS)])
    factors = honest(seen, indices, answers)
    head = train(None, args.steps)
    head.settle(scale, factors)
    torch.save({"average": head.state_dict(), "size": (WIDTH, HEIGHT), "int8": args.int8}, work_root() / f"{args.name}.pt")


if __name__ == "__main__":
    main()
