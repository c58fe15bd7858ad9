"""Two sets to judge on that labels alone do not give: bridges with the vehicles that their labels leave out, and places without a vehicle.

    python complete.py        (after prepare.py, whose manifest it adds to)

In a jam the labels name three cars of forty. The missing ones were proposed by three detectors on tiles (PicoDet-S, the published
YOLOX-nano, a vehicle net of ours; scores from 0.3), looked at one by one, and kept or thrown away by eye: `completed.tsv`. What all
three missed, mostly far cars in glare, is still missing, and a proposal's box is a little loose: a fairer measure than
the labels alone, no perfect one. One picture of each original: copies in other colours would only repeat it.
Places without a vehicle are the hard negatives of fire (rooms, landscapes, crowds), less those in which a detector saw a vehicle that
was there or might be: `with_vehicles.txt`.
Writes $MATPHO_WORK/completed (pictures and labels) and the rows `bridge-completed` and `no-vehicles` of the manifest.
"""

import json
import shutil
from collections import defaultdict
from pathlib import Path

from common import VEHICLES, data_root, read_boxes, work_root

ADDED = Path(__file__).with_name("completed.tsv")
WITH_VEHICLES = Path(__file__).with_name("with_vehicles.txt")
SET, WITHOUT = "bridge-completed", "no-vehicles"


def added_boxes():
    """Boxes by picture: (class, x1, y1, x2, y2) in pixels."""
    boxes = defaultdict(list)
    for line in ADDED.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            picture, name, *corners = line.split("\t")
            boxes[picture].append((VEHICLES.index(name), *map(float, corners)))
    return boxes


def yolo_line(box, width, height):
    """A line of a YOLO label file."""
    c, x1, y1, x2, y2 = box
    return f"{int(c)} {(x1 + x2) / 2 / width:.6f} {(y1 + y2) / 2 / height:.6f} {(x2 - x1) / width:.6f} {(y2 - y1) / height:.6f}\n"


def main():
    manifest, out, added = work_root() / "manifest.jsonl", work_root() / "completed", added_boxes()
    rows = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]
    rows = [r for r in rows if r["set"] not in (SET, WITHOUT)]
    out.mkdir(exist_ok=True)
    count = 0
    for row in [r for r in rows if r["set"] == "bridge" and r["path"] in added]:
        if row["split"] != "held":
            raise SystemExit(f"{row['path']} is not held back: completed.tsv belongs to another split")
        source, picture = data_root() / row["path"], out / Path(row["path"]).name
        boxes = [*map(tuple, read_boxes(source, row["width"], row["height"])), *added[row["path"]]]
        shutil.copyfile(source, picture)
        picture.with_suffix(".txt").write_text("".join(yolo_line(b, row["width"], row["height"]) for b in boxes), encoding="utf-8")
        rows.append(row | {"set": SET, "path": str(picture.resolve())})
        count += len(boxes)
    shown = set(WITH_VEHICLES.read_text(encoding="utf-8").splitlines())
    rows += [r | {"set": WITHOUT} for r in rows if r["set"] == "fire-negatives" and r["path"] not in shown]
    manifest.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    print(f"{SET}: {sum(r['set'] == SET for r in rows)} pictures, {count} boxes; {WITHOUT}: {sum(r['set'] == WITHOUT for r in rows)} pictures")


if __name__ == "__main__":
    main()
