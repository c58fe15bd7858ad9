"""Judges heads of fire or water side by side on pictures that they were not trained on: for the learning curve.

    python train_water.py --share 0.25 --name water-quarter && python train_water.py --share 0.5 --name water-half && python train_water.py
    python curve.py water water-quarter water-half water

The trunk looks once at what judges (`water-judge-*`, `fire-judge-*` in MATPHO_WORK; delete them when pictures change), then a head takes seconds.
Of a set, at most LIMIT pictures, evenly spread. Pictures without a stated licence are judged on only. The tables of the cards come from the
gateway's own decoder (`matpho-edge models eval`); this is for comparing heads with each other.
"""

import argparse

import cv2
import numpy as np
import torch

from common import FIRE, averaged, data_root, entry, manifest, read_boxes, shown, threads, work_root
from evaluate import clip_frames
from eye import eye
from nets import FireHead, WaterHead
from seen import look, seen_at
from trunk import CHANNELS

LIMIT = 200
# What the trainers' files are called in the registry.
REGISTERED = {"fire": "fire-lite0", "water": "water"}
# Of the road below, the lower half of a picture, so much under water flags it.
FLAGGED = 0.2
TRAFFIC_EVERY_S = 2.0
# Sets without fire and without water; and of how many of them a head may say it when heads are compared at the same false alarms.
QUIET_OF_FIRE, QUIET_SHARE = ("fire-negatives", "traffic", "flood-streets", "bridge", "highway", "hcmc"), 0.02
DRY, DRY_SHARE = ("traffic", "bridge", "highway"), 0.1


def spread(rows):
    """At most LIMIT of the rows, evenly spread."""
    return rows[:: max(1, -(-len(rows) // LIMIT))]


def inside(row):
    """The picture of a row of the manifest inside its black bars."""
    x1, y1, x2, y2 = row["content"]
    return cv2.imread(str(data_root() / row["path"]))[y1:y2, x1:x2]


def quiet(*sets):
    """Pictures that show neither fire nor drawn water: (set, nothing known, picture)."""
    for name in sets:
        for row in spread(manifest(name, use="eval" if name in ("fire-negatives", "flood-streets", "hcmc") else "train", split=("held",))):
            yield name, None, inside(row)
    for path in sorted((data_root() / "clips/traffic").glob("*")):
        if path.suffix in (".mp4", ".avi"):
            for _, picture in clip_frames(path, TRAFFIC_EVERY_S):
                yield "traffic", None, picture


def fire_pictures():
    """What judges fire: (set, whether it shows fire and smoke, picture)."""
    for row in spread(manifest("cctv", split=("held",))):
        boxes = read_boxes(data_root() / row["path"], row["width"], row["height"])
        yield "cctv", tuple(bool((boxes[:, 0] == c).any()) for c in range(len(FIRE))), inside(row)
    for row in spread(manifest("urban-smoke", split=("held",))):
        yield "urban-smoke", (None, True), inside(row)
    yield from quiet("fire-negatives", "flood-streets", "hcmc", "bridge", "highway")


def water_pictures(size):
    """What judges water: (set, cells under water or None, picture)."""
    for name, use in (("water-masks", "train"), ("street-masks", "eval")):
        for row in spread(manifest(name, use=use, split=("held",))):
            path = data_root() / row["path"]
            mask = cv2.imread(str(path.parent.parent / "masks" / f"{path.stem}.png"), cv2.IMREAD_GRAYSCALE)
            cells = cv2.resize((mask > 127).astype(np.float32), (size[0] // 8, size[1] // 8), interpolation=cv2.INTER_AREA) >= 0.5
            yield name, cells, cv2.imread(str(path))
    yield from quiet("flood-streets", "hcmc", "bridge", "highway")


def judged(model, size, int8):
    """What the trunk sees in the pictures that judge, and what is known of each: (set, truth)."""
    path = seen_at(f"{model}-judge", size, int8)
    if path.exists() and path.with_suffix(".pt").exists():
        return look(None, size, CHANNELS, 0, (), path)
    pictures = [(shown(picture, size, averaged(REGISTERED[model])), (name, truth)) for name, truth, picture in (fire_pictures() if model == "fire" else water_pictures(size))]
    return look(eye(size, int8), size, CHANNELS, len(pictures), pictures, path)


@torch.no_grad()
def answers(head, seen):
    """What a head says of every picture."""
    head.eval().probabilities = True
    count = len(seen.known)
    return torch.cat([head(seen.maps(range(at, min(at + 16, count)))) for at in range(0, count, 16)]).numpy()


def fire_figures(answer, known, thresholds):
    """(line, share, of how many) of one head at the registry's thresholds."""
    said = np.stack([answer[..., 5 + c].max(1) >= thresholds[name] for c, name in enumerate(FIRE)], 1)
    names = np.array([name for name, _ in known])
    shows = np.array([[t is True for t in (truth or (False, False))] for _, truth in known])
    camera = names == "cctv"
    for c, name in enumerate(FIRE):
        yield f"camera scenes: {name} said where it is", said[camera & shows[:, c], c]
    yield "camera scenes: either said where one is", said[camera & shows.any(1)].any(1)
    yield "camera scenes: either said where neither is", said[camera & ~shows.any(1)].any(1)
    yield "urban smoke: smoke said", said[names == "urban-smoke", 1]
    for name in QUIET_OF_FIRE:
        for c, label in enumerate(FIRE):
            yield f"{name}: {label} said", said[names == name, c]
    # Whatever the scale of the scores is: where one quiet picture in fifty says it.
    for c, name in enumerate(FIRE):
        best = answer[..., 5 + c].max(1)
        level = np.quantile(best[np.isin(names, QUIET_OF_FIRE)], 1 - QUIET_SHARE)
        yield f"camera scenes: {name} said where it is, at {QUIET_SHARE:.0%} of all without", best[camera & shows[:, c]] > level


def water_figures(answer, known, thresholds):
    """(line, share, of how many) of one head at the registry's threshold of a cell."""
    said = answer[:, 0] >= thresholds["water"]
    names = np.array([name for name, _ in known])
    for name in ("water-masks", "street-masks"):
        mine = np.flatnonzero(names == name)
        both = sum(int((said[i] & known[i][1]).sum()) for i in mine)
        yield f"{name}: IoU of all cells", (both / max(1, sum(int((said[i] | known[i][1]).sum()) for i in mine)), len(mine))
    low = answer[:, 0, answer.shape[2] // 2 :].reshape(len(names), -1)
    # A picture is flagged from the threshold on that this share of its lower half reaches.
    level = np.quantile(low, 1 - FLAGGED, axis=1)
    for name in ("flood-streets", *DRY, "hcmc"):
        yield f"{name}: flagged", level[names == name] >= thresholds["water"]
    # Whatever the scale of the scores is: where one dry picture in ten is flagged, and drawn at the best threshold of a cell.
    yield f"flood-streets: flagged, at {DRY_SHARE:.0%} of all dry", level[names == "flood-streets"] > np.quantile(level[np.isin(names, DRY)], 1 - DRY_SHARE)
    for name in ("water-masks", "street-masks"):
        mine = np.flatnonzero(names == name)
        truth = np.stack([known[i][1] for i in mine])
        best = max(float((s & truth).sum() / (s | truth).sum()) for s in (answer[mine, 0] >= t for t in np.linspace(0.05, 0.95, 19)))
        yield f"{name}: IoU at the best threshold", (best, len(mine))


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("model", choices=("fire", "water"))
    args.add_argument("names", nargs="+", help="heads by the --name that they were trained under")
    args = args.parse_args()
    torch.set_num_threads(threads())
    thresholds = entry(REGISTERED[args.model])["threshold"]
    table = {}
    for name in args.names:
        checkpoint = torch.load(work_root() / f"{name}.pt")
        seen = judged(args.model, checkpoint["size"], checkpoint["int8"])
        head = FireHead(CHANNELS, len(FIRE)) if args.model == "fire" else WaterHead(CHANNELS)
        head.load_state_dict(checkpoint["average"])
        figures = (fire_figures if args.model == "fire" else water_figures)(answers(head, seen), seen.known, thresholds)
        for line, value in figures:
            share, count = value if isinstance(value, tuple) else (float(np.mean(value)) if len(value) else float("nan"), len(value))
            table.setdefault(f"{line} ({count})", []).append(share)
    print(f"| | {' | '.join(args.names)} |\n|---|{'---|' * len(args.names)}")
    for line, shares in table.items():
        print(f"| {line} | {' | '.join(f'{s:.3f}' for s in shares)} |")


if __name__ == "__main__":
    main()
