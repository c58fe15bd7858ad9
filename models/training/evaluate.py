"""Judges the models on pictures that they were not trained on, and prints the tables of the cards.

    python evaluate.py vehicles|fire|fire-lite0|water [--model FILE] [--draw FOLDER]

Reads sets of every licence: judging is not training. Clips are sampled once a second.
"""

import argparse
import re
import time
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

import sim
from boxes import average_precision, detections, iou_matrix, suppress, suppress_by_class
from common import MODELS, VEHICLES, averaged, data_root, entry, manifest, read_boxes, shown, work_root
from nets import COCO_ROWS, anchor_grid
from teacher import PicoDet

FLOOR = 0.01
COLOURS = ((0, 0, 255), (255, 0, 0), (0, 255, 255), (0, 255, 0), (255, 255, 0), (255, 0, 255))


class Model:
    """One registry entry and its session, one thread."""

    def __init__(self, name, path=None):
        self.entry = entry(name)
        given = self.entry["input"]
        self.classes, self.average = self.entry["classes"], averaged(name)
        self.width, self.height, self.stretch = given["width"], given["height"], given["resize"] == "stretch"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        self.session = onnxruntime.InferenceSession(str(path or MODELS / self.entry["file"]), options, providers=["CPUExecutionProvider"])
        self.name = self.session.get_inputs()[0].name
        self.grid, self.seconds, self.pictures = anchor_grid(self.width, self.height, self.entry["output"]["strides"]), 0.0, 0

    def feed(self, picture):
        """The input for one picture [1, 3, h, w], and the factors from input pixels back to its own."""
        h, w = picture.shape[:2]
        if self.stretch:
            x, back = shown(picture, (self.width, self.height), self.average), (w / self.width, h / self.height)
        else:
            f = min(self.width / w, self.height / h)
            small = shown(picture, (round(w * f), round(h * f)), self.average)
            x = np.full((self.height, self.width, 3), 114, np.uint8)
            x[: small.shape[0], : small.shape[1]] = small
            back = (1 / f, 1 / f)
        return np.ascontiguousarray(x.transpose(2, 0, 1)[None].astype(np.float32)), back

    def run(self, picture):
        """The raw output for one picture, and the factors from input pixels back to its own."""
        x, back = self.feed(picture)
        began = time.perf_counter()
        out = self.session.run(None, {self.name: x})[0]
        self.seconds, self.pictures = self.seconds + time.perf_counter() - began, self.pictures + 1
        return out, back

    def detect(self, picture, floor=FLOOR, iou=None):
        """[n, 6] class, score, corners in the picture's pixels."""
        out, (bx, by) = self.run(picture)
        found = detections(out[0], self.grid, floor, iou or self.entry["nms_iou"])
        return found * np.array((1, 1, bx, by, bx, by), np.float32)

    def mask(self, picture):
        """Probability of water on the output grid [h, w]."""
        return self.run(picture)[0][0, 0]

    def milliseconds(self):
        return 1000 * self.seconds / max(1, self.pictures)


class PublishedNano(Model):
    """The published YOLOX-nano at its own 416 x 416, cut to our classes: the figure to beat."""

    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        self.session = onnxruntime.InferenceSession(str(data_root() / "models/yolox_nano_416.onnx"), options, providers=["CPUExecutionProvider"])
        self.name, self.entry, self.classes = "images", {"nms_iou": 0.6}, VEHICLES
        self.width = self.height = 416
        self.stretch, self.grid, self.seconds, self.pictures = False, anchor_grid(416, 416), 0.0, 0

    def run(self, picture):
        out, back = super().run(picture)
        return out[..., [0, 1, 2, 3, 4, *(5 + c for c in COCO_ROWS)]], back


class PublishedPico(Model):
    """The published PicoDet-S 416."""

    def __init__(self, tiles=False):
        self.net, self.tiles, self.classes, self.entry = PicoDet(data_root() / "models/picodet_s_416_coco.onnx", 1), tiles, VEHICLES, {"nms_iou": 0.6}
        self.seconds, self.pictures = 0.0, 0

    def detect(self, picture, floor=FLOOR, iou=None):
        began = time.perf_counter()
        self.net.floor = max(floor, 0.05)
        found = self.net.tiled(picture) if self.tiles else suppress_by_class(self.net(picture), 0.6)
        self.seconds, self.pictures = self.seconds + time.perf_counter() - began, self.pictures + 1
        return found.astype(np.float32)


def draw(picture, found, thresholds):
    out = picture.copy()
    for c, score, x1, y1, x2, y2 in found:
        if score >= thresholds[int(c)]:
            cv2.rectangle(out, (int(x1), int(y1)), (int(x2), int(y2)), COLOURS[int(c)], 2)
            cv2.putText(out, f"{score:.2f}", (int(x1), int(y1) - 3), 0, 0.4, COLOURS[int(c)], 1)
    return out


def clip_frames(path, every_s=1.0, limit=60):
    """Frames of a clip, one each `every_s` seconds: (time, picture)."""
    clip = cv2.VideoCapture(str(path))
    rate = clip.get(cv2.CAP_PROP_FPS) or 25
    step, index, taken = max(1, round(rate * every_s)), 0, 0
    while taken < limit and clip.grab():
        if index % step == 0:
            ok, picture = clip.retrieve()
            if ok:
                yield index / rate, picture
                taken += 1
        index += 1


def sim_rows(name="sim-held"):
    """Frames of simulated streets whose seeds nobody trained on; none where they were not drawn."""
    folder = work_root() / name
    return list(sim.truths(folder)) if folder.exists() else []


def vehicle_sets():
    bridge = manifest("bridge", split=("held", "held-shared-view"))
    return {
        "bridges, views never trained on": [r for r in bridge if r["split"] == "held"],
        "bridges, views never trained on, labels completed by eye": manifest("bridge-completed", split=("held",)),
        "bridges, the 31 of `valid`": [r for r in bridge if "/valid/" in r["path"]],
        "bridges, of these in unseen views": [r for r in bridge if "/valid/" in r["path"] and r["split"] == "held"],
        "street photos, `valid`": manifest("highway", split=("held",)),
    }


def any_vehicle(found):
    """Class-blind vehicle boxes: (score, corners), suppressed once more across classes."""
    found = found[found[:, 0] >= 1]
    return found[suppress(found[:, 2:], found[:, 1], 0.6)][:, 1:] if len(found) else np.zeros((0, 5), np.float32)


def vehicles(args):
    root = data_root()
    ours = Model("vehicles", args.model)
    models = {"ours": ours}
    if not args.quick:
        models |= {"YOLOX-nano 416 (COCO)": PublishedNano(), "PicoDet-S 416 (COCO)": PublishedPico(), "PicoDet-S 416, 2x2 tiles": PublishedPico(True)}
    for title, rows in vehicle_sets().items():
        pictures = [cv2.imread(str(root / r["path"])) for r in rows]
        truth = [read_boxes(root / r["path"], r["width"], r["height"]) for r in rows]
        people = [t[t[:, 0] == 0, 1:] for t in truth]
        print(f"\n{title}: {len(rows)} pictures")
        for name, model in models.items():
            found = [model.detect(p) for p in pictures]
            ap, n = average_precision([any_vehicle(f) for f in found], [t[t[:, 0] >= 1, 1:] for t in truth], ignored=people)
            line = f"  {name:26} any vehicle {ap:.3f} ({n})"
            for c, label in enumerate(VEHICLES):
                ap, n = average_precision([f[f[:, 0] == c][:, 1:] for f in found], [t[t[:, 0] == c, 1:] for t in truth])
                line += f"  {label} {ap:.3f} ({n})" if n else ""
            print(line)
            if model is ours:
                operating_points(found, truth)
                if args.draw:
                    for r, p, f in zip(rows[:12], pictures, found):
                        cv2.imwrite(str(Path(args.draw) / f"{Path(r['path']).stem}.jpg"), draw(p, f, [ours.entry["threshold"][c] for c in VEHICLES]))
    for folder in ("sim-held", "sim-traffic-held"):
        simulated_vehicles(ours, folder)
    for name, model in models.items():
        print(f"{name}: {model.milliseconds():.1f} ms a picture, one thread")


def simulated_vehicles(model, folder):
    """The same figures on simulated streets; far and hidden road users count neither way."""
    rows = sim_rows(folder)
    if not rows:
        return
    found = [model.detect(cv2.imread(r["image"])) for r in rows]
    truth, doubt = zip(*(sim.vehicle_boxes(r) for r in rows))
    doubt = [d[:, 1:] for d in doubt]
    ap, n = average_precision([any_vehicle(f) for f in found], [t[t[:, 0] >= 1, 1:] for t in truth], ignored=doubt)
    line = f"\nsimulated streets never trained on, {folder}: {len(rows)} frames\n  {'ours':26} any vehicle {ap:.3f} ({n})"
    for c, label in enumerate(VEHICLES):
        ap, n = average_precision([f[f[:, 0] == c][:, 1:] for f in found], [t[t[:, 0] == c, 1:] for t in truth], ignored=doubt)
        line += f"  {label} {ap:.3f} ({n})"
    print(line)
    operating_points(found, truth)


def operating_points(found, truth):
    """Precision and recall by threshold, any vehicle: what the registry's thresholds are read from."""
    line = "    threshold: precision/recall "
    for threshold in (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5):
        hits = wrong = total = 0
        for f, t in zip(found, truth):
            dets, boxes = any_vehicle(f[f[:, 1] >= threshold]), t[t[:, 0] >= 1, 1:]
            used = np.zeros(len(boxes), bool)
            total += len(boxes)
            for d in dets[np.argsort(-dets[:, 0])] if len(dets) else []:
                overlap = np.where(used, 0, iou_matrix(d[None, 1:], boxes)[0]) if len(boxes) else np.zeros(1)
                if overlap.max() >= 0.5:
                    used[overlap.argmax()], hits = True, hits + 1
                else:
                    wrong += 1
        line += f" {threshold}: {hits / max(1, hits + wrong):.2f}/{hits / max(1, total):.2f}"
    print(line)


def fire(args):
    root = data_root()
    model = Model(args.what, args.model)
    grid = (0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7)

    def scores(pictures):
        """Best fire and smoke score of each picture."""
        out = []
        for p in pictures:
            found = model.detect(p)
            out.append([found[found[:, 0] == c, 1].max() if (found[:, 0] == c).any() else 0 for c in (0, 1)])
        return np.array(out, np.float32).reshape(-1, 2)

    rows = manifest("cctv", split=("held",))
    pictures = [cv2.imread(str(root / r["path"])) for r in rows]
    pictures = [p[y1:y2, x1:x2] for p, (x1, y1, x2, y2) in zip(pictures, (r["content"] for r in rows))]
    truth = [read_boxes(root / r["path"], r["width"], r["height"]) - np.array((0, *r["content"][:2], *r["content"][:2]), np.float32) for r in rows]
    has = np.array([[(t[:, 0] == c).any() for c in (0, 1)] for t in truth])
    found = [model.detect(p) for p in pictures]
    for c, name in enumerate(model.classes):
        ap, n = average_precision([f[f[:, 0] == c][:, 1:] for f in found], [t[t[:, 0] == c, 1:] for t in truth])
        print(f"cctv, scenes never trained on: {name} AP50 {ap:.3f} ({n} boxes)")
    best = np.array([[f[f[:, 0] == c, 1].max() if (f[:, 0] == c).any() else 0 for c in (0, 1)] for f in found])
    print(f"{'pictures: share at threshold':58}" + "".join(f"{t:7}" for t in grid))

    def line(title, values):
        print(f"{title:58}" + "".join(f"{(values >= t).mean():7.3f}" for t in grid) + f"   ({len(values)})")

    line("held cctv with fire: fire said", best[has[:, 0], 0])
    line("held cctv with smoke: smoke said", best[has[:, 1], 1])
    line("held cctv with either: either said", best[has.any(1)].max(1))
    line("held cctv with neither: either said", best[~has.any(1)].max(1))
    urban = scores(cv2.imread(str(root / r["path"])) for r in manifest("urban-smoke", split=("held",)))
    line("held urban smoke: either said", urban.max(1))
    quiet = scores(cv2.imread(str(root / r["path"])) for r in manifest("fire-negatives", use="eval", split=("held",)))
    line("fire/negatives: fire said", quiet[:, 0])
    line("fire/negatives: smoke said", quiet[:, 1])
    street = scores(cv2.imread(str(root / r["path"])) for r in manifest("hcmc", "flood-streets", use="eval", split=("held",)))
    line("hcmc and flooded streets: fire said", street[:, 0])
    line("hcmc and flooded streets: smoke said", street[:, 1])
    roads = scores(cv2.imread(str(root / r["path"])) for r in manifest("bridge", "highway", split=("held", "held-shared-view")))
    line("held road pictures: fire said", roads[:, 0])
    line("held road pictures: smoke said", roads[:, 1])
    rows = sim_rows()
    if rows:
        best = scores(cv2.imread(r["image"]) for r in rows)
        boxes = [sim.fire_boxes(r) for r in rows]
        has = np.array([[(b[:, 0] == c).any() for c in (0, 1)] for b in boxes])
        line("simulated, never trained on, with fire: fire said", best[has[:, 0], 0])
        line("simulated, with smoke: smoke said", best[has[:, 1], 1])
        line("simulated, with neither: fire said", best[~has.any(1), 0])
        line("simulated, with neither: smoke said", best[~has.any(1), 1])
    for kind in ("traffic", "fire"):
        for path in sorted((root / "clips" / kind).iterdir()):
            if path.suffix not in (".mp4", ".avi"):
                continue
            frames = list(clip_frames(path, 2.0 if kind == "traffic" else 1.0))
            s = scores(p for _, p in frames)
            for c, name in enumerate(model.classes):
                line(f"  {kind}/{path.name[:40]}: {name}", s[:, c])
            if args.draw:
                t, p = frames[int(s.max(1).argmax())]
                cv2.imwrite(str(Path(args.draw) / f"{kind}_{path.stem}_{t:.0f}s.jpg"), draw(p, model.detect(p), (0.3, 0.3)))
    print(f"{model.milliseconds():.1f} ms a picture, one thread")


def water(args):
    root = data_root()
    model = Model("water", args.model)
    threshold = model.entry["threshold"]["water"]
    inter = union = 0.0
    each = []
    for row in manifest("water-masks", split=("held",)):
        path = root / row["path"]
        p = model.mask(cv2.imread(str(path)))
        mask = cv2.imread(str(path.parent.parent / "masks" / f"{path.stem}.png"), cv2.IMREAD_GRAYSCALE)
        truth = cv2.resize((mask > 127).astype(np.float32), p.shape[::-1], interpolation=cv2.INTER_AREA) >= 0.5
        said = p >= threshold
        inter, union = inter + (said & truth).sum(), union + (said | truth).sum()
        each.append((said & truth).sum() / max(1, (said | truth).sum()))
    print(f"water-masks, held fifth: IoU {inter / union:.3f} of all cells, {np.mean(each):.3f} mean of pictures ({len(each)})")

    inter = union = 0.0
    wet, dry = [], []
    for row in sim_rows():
        item = (row["image"], row["water_mask"] if row["states"]["water_share"] > 0 else None)
        picture, mask = sim.load_water(item)
        p = model.mask(picture)
        truth, said = cv2.resize(mask, p.shape[::-1], interpolation=cv2.INTER_AREA) >= 0.5, p >= threshold
        inter, union = inter + (said & truth).sum(), union + (said | truth).sum()
        (wet if row["states"]["water_share"] > 0.02 else dry).append((row["states"]["water_share"], said[said.shape[0] // 2 :].mean()))
    if wet:
        print(f"simulated streets never trained on: IoU {inter / union:.3f} of all cells; lower half said to be under water: "
              f"{np.mean([w[1] for w in wet]):.3f} in {len(wet)} flooded frames, {np.mean([d[1] for d in dry]):.4f} in {len(dry)} dry ones")

    def share(pictures):
        """Share of the lower half under water: a street camera's road is there."""
        out = []
        for p in pictures:
            m = model.mask(p)
            out.append((m[m.shape[0] // 2 :] >= threshold).mean())
        return np.array(out)

    grid = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
    print(f"{'water share of the lower half: pictures at or above':58}" + "".join(f"{t:7}" for t in grid))

    def line(title, values):
        print(f"{title:58}" + "".join(f"{(values >= t).mean():7.3f}" for t in grid) + f"   ({len(values)}, median {np.median(values):.3f})")

    streets = manifest("flood-streets", use="eval", split=("held",))
    line("flooded streets (no licence: judged only)", share(cv2.imread(str(root / r["path"])) for r in streets))
    line("hcmc stills: dry and wet", share(cv2.imread(str(root / r["path"])) for r in manifest("hcmc", use="eval", split=("held",))))
    line("held bridges: dry", share(cv2.imread(str(root / r["path"])) for r in manifest("bridge", split=("held", "held-shared-view"))))
    line("held street photos: dry", share(cv2.imread(str(root / r["path"])) for r in manifest("highway", split=("held",))))
    for kind in ("traffic", "flood"):
        for path in sorted((root / "clips" / kind).iterdir()):
            if path.suffix in (".mp4", ".avi"):
                frames = list(clip_frames(path, 3.0))
                line(f"  {kind}/{path.name[:44]}", share(p for _, p in frames))
                if args.draw:
                    for t, p in frames[:: max(1, len(frames) // 2)][:3]:
                        tint(p, model, Path(args.draw) / f"{kind}_{path.stem}_{t:.0f}s.jpg")
    if args.draw:
        for r in manifest("hcmc", "flood-streets", use="eval", split=("held",))[::25]:
            tint(cv2.imread(str(root / r["path"])), model, Path(args.draw) / f"{Path(r['path']).stem}.jpg")
    print(f"{model.milliseconds():.1f} ms a picture, one thread")


def tint(picture, model, path):
    m = cv2.resize(model.mask(picture), picture.shape[1::-1])[..., None]
    cv2.imwrite(str(path), np.clip(picture * (1 - 0.5 * m) + 0.5 * m * np.array((255, 60, 0)), 0, 255).astype(np.uint8))


def main():
    args = argparse.ArgumentParser(description=re.split(r"\n", __doc__)[0])
    args.add_argument("what", choices=("vehicles", "fire", "fire-lite0", "water"), help="a model of the registry")
    args.add_argument("--model", help="an ONNX file in place of the registry's")
    args.add_argument("--draw", help="folder for pictures with boxes")
    args.add_argument("--quick", action="store_true", help="vehicles: ours alone")
    args = args.parse_args()
    if args.draw:
        Path(args.draw).mkdir(parents=True, exist_ok=True)
    {"vehicles": vehicles, "fire": fire, "fire-lite0": fire, "water": water}[args.what](args)


if __name__ == "__main__":
    main()
