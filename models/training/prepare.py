"""Lists the training material: every picture with its hash, licence, view group and split, as one JSON object a line.

    MATPHO_DATA=<data> MATPHO_WORK=<scratch> python prepare.py

Pictures that look at the same scene (near copies, frames of one video, one camera at two times) get one group, and a group is
wholly in `train` or wholly in `held`: neighbouring frames on both sides of a split flatter every figure.
Sets without a stated licence are marked `use = "eval"`; the trainers read nothing but `use = "train"`.
"""

import hashlib
import json
import re
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from common import data_root, work_root

# set -> (folder, licence, use)
SETS = {
    "bridge": ("vehicles/*/bridge_*.jpg", "CC-BY-4.0", "train"),
    "highway": ("vehicles/*/highway_*.jpg", "CC-BY-4.0", "train"),
    "cctv": ("fire/cctv/*.jpg", "CC-BY-4.0", "train"),
    "urban-smoke": ("fire/urban-smoke/*.jpg", "MIT", "train"),
    "rzosn": ("fire/rzosn/images/*/*.jpg", "CC-BY-4.0", "train"),
    "dfire-aof": ("fire/dfire-aof/images/*.jpg", "CC0-1.0", "train"),
    "water-masks": ("flood/water-masks/images/*.jpg", "MIT", "train"),
    "fire-negatives": ("fire/negatives/*.jpg", "none stated", "eval"),
    "flood-streets": ("flood/streets/*.jpg", "none stated", "eval"),
    "street-masks": ("flood/street-masks/images/*.jpg", "none stated", "eval"),
    "hcmc": ("hcmc-cameras/*.jpg", "none stated", "eval"),
}
# Similarity of two pictures' edges from which they count as one scene, by set (-1: all are one camera's).
SAME_SCENE = {"bridge": 0.5, "highway": 0.7, "cctv": 0.55, "urban-smoke": 0.7, "rzosn": 0.6, "water-masks": 0.7, "dfire-aof": -1.0}
# Pictures whose boxes and captions are painted in, among them photographs marked as agencies' own: never read.
LEFT_OUT = re.compile(r"(large|middle|small|other)_")
# Pictures of lamps and windows, boxed like flames: seen one by one, they teach what is no fire.
LAMPS = re.compile(r"[0-9a-f]{8}-(images|download)")
# Scenes in which both are boxed, or nothing that one could tell.
MIXED = Path(__file__).with_name("rzosn_mixed.txt")
# At most so many pictures of one named video of a set, evenly spread.
OF_ONE_VIDEO = {"rzosn": 24}
# Sets that come from a few cameras, so that a picture too dark to match is still from one of them.
FEW_CAMERAS = ("bridge", "cctv")
# Sets whose pictures carry black bars from an earlier letterboxing.
BARRED = ("highway", "cctv", "urban-smoke", "rzosn")
# What others must never be near copies of: pictures that only judge, the held-back pictures of other sets, and clips.
JUDGES = {
    "rzosn": ("fire-negatives", "flood-streets", "hcmc", "cctv", "urban-smoke"),
    "dfire-aof": ("fire-negatives", "flood-streets", "hcmc", "cctv", "urban-smoke"),
    "water-masks": ("flood-streets", "street-masks"),
}
# Similarity from which it is such a copy, where it is not 0.55: pictures of water alone have few edges and resemble each other.
COPY = {"water-masks": 0.7}
HELD_SHARE = {"rzosn": 0.1}
SHIPPED = Path(__file__).with_name("datasets.tsv")


def content_box(picture, dark=12):
    """The part of a picture inside its black bars, as (x1, y1, x2, y2): letterboxing by an earlier owner is not scenery."""
    grey = picture.max(2)
    cols, rows = np.where(grey.mean(0) > dark)[0], np.where(grey.mean(1) > dark)[0]
    if len(cols) < 32 or len(rows) < 32:
        return 0, 0, picture.shape[1], picture.shape[0]
    return int(cols[0]), int(rows[0]), int(cols[-1]) + 1, int(rows[-1]) + 1


def edge_signature(picture):
    """Edge directions on a 20 x 12 grid, normalised cell by cell: blind to colour, light and noise. [1440] floats of length 1."""
    grey = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), (160, 96), interpolation=cv2.INTER_AREA).astype(np.float32)
    gx, gy = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    size, angle = np.hypot(gx, gy), (np.arctan2(gy, gx) % np.pi) / np.pi * 6
    bins = []
    for b in range(6):
        off = np.abs(angle - b)
        weight = np.maximum(0, 1 - np.minimum(off, 6 - off)) * size
        bins.append(weight.reshape(12, 8, 20, 8).sum((1, 3)))
    cells = np.stack(bins)
    cells /= np.linalg.norm(cells, axis=0, keepdims=True) + 15
    flat = cells.ravel() - cells.mean()
    return flat / (np.linalg.norm(flat) + 1e-6)


def scenes(pictures, same, adopt_strays):
    """Single-linkage groups of pictures whose signatures, mirrored or not, are alike: one label a picture."""
    plain = np.array([edge_signature(p) for p in pictures])
    mirrored = np.array([edge_signature(p[:, ::-1]) for p in pictures])
    alike = np.maximum(plain @ plain.T, plain @ mirrored.T)
    parent = list(range(len(pictures)))

    def root(i):
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, j in zip(*np.where(np.triu(alike, 1) > same)):
        parent[root(i)] = root(j)
    labels = [root(i) for i in range(len(pictures))]
    # A picture alone (too dark for its edges to match) joins the scene it resembles most, if it does at all.
    if not adopt_strays:
        return labels
    sizes = np.bincount(labels, minlength=len(pictures))
    for i, label in enumerate(labels):
        if sizes[label] <= 3:
            big = np.where(sizes[labels] > 3, alike[i], 0)
            if big.size and big.max() > 0.6 * same:
                labels[i] = labels[int(big.argmax())]
    return labels


def video_name(name):
    """The video a fire picture was cut from, or None: `fire1_mp4-24_jpg.rf…` is a frame of fire1; `img_…` says nothing."""
    stem = name.split("_mp4")[0] if "_mp4" in name else name.split("_")[0]
    return None if stem.startswith("img") else stem


def series(name):
    """The video that a picture's name tells, or None for a picture on its own: `part1_mp4-169_jpg.rf…` is a frame of part1."""
    match = re.match(r"(.*?(?:mp4|frames?_?|FrontRoomFire|barbecue|FlashoverDemonstration|Frames|Img_|flame\d+))[-_]?\d+", name)
    return match.group(1) if match else None


def thinned(paths, most):
    """The pictures of a set that are worth a look: none with painted boxes, and of one video no more than `most`."""
    videos = defaultdict(list)
    for path in paths:
        if not LEFT_OUT.match(path.name):
            videos[(series(path.name) if most else None) or path.name].append(path)
    return sorted(p for v in videos.values() for p in (v[:: -(-len(v) // most)] if most else v))


def readable(paths):
    """The files that are JPEG or PNG, which the gateway reads; some are something else under that name."""
    kept = []
    for path in paths:
        with path.open("rb") as file:
            if file.read(4).startswith((b"\xff\xd8", b"\x89PNG")):
                kept.append(path)
            else:
                print(f"left out, neither JPEG nor PNG whatever its name says: {path}")
    return kept


def held_groups(rows):
    """The groups held back: the smaller ones in a fixed shuffled order until a fifth of the pictures is reached."""
    members = defaultdict(list)
    for row in rows:
        members[row["group"]].append(row)
    order = sorted(members, key=lambda g: hashlib.sha256(f"{rows[0]['set']}/{g}".encode()).hexdigest())
    held, count = set(), 0
    for group in order:
        if count + len(members[group]) <= HELD_SHARE.get(rows[0]["set"], 0.2) * len(rows):
            held.add(group)
            count += len(members[group])
    return held


def main():
    root, out = data_root(), work_root() / "manifest.jsonl"
    out.parent.mkdir(parents=True, exist_ok=True)
    lines, digests, missing = [], {}, []
    for name, (pattern, licence, use) in SETS.items():
        paths = readable(thinned(sorted(root.glob(pattern)), OF_ONE_VIDEO.get(name)))
        if not paths:
            missing.append(f"{name} ({root / pattern})")
            continue
        pictures = [cv2.imread(str(p)) for p in paths]
        contents = [content_box(p) if name in BARRED else (0, 0, p.shape[1], p.shape[0]) for p in pictures]
        cropped = [p[y1:y2, x1:x2] for p, (x1, y1, x2, y2) in zip(pictures, contents)]
        labels = scenes(cropped, SAME_SCENE[name], name in FEW_CAMERAS) if name in SAME_SCENE else range(len(paths))
        rows = []
        for path, picture, content, label in zip(paths, pictures, contents, labels):
            row = {
                "set": name,
                "path": str(path.relative_to(root)),
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "licence": licence,
                "use": use,
                "width": picture.shape[1],
                "height": picture.shape[0],
                "content": content,
                "group": f"{name}-{label}",
            }
            rows.append(row)
        if name == "cctv":
            names = dict(line.split("\t")[:2] for line in (root / "fire/cctv/sources.tsv").read_text(encoding="utf-8").splitlines())
            join_videos(rows, lambda row: video_name(names[Path(row["path"]).stem].rstrip()))
        if name == "rzosn":
            join_videos(rows, lambda row: series(Path(row["path"]).name))
        held = held_groups(rows) if use == "train" else set()
        if name == "bridge":
            held = bridge_held(rows)
        elif name == "highway":
            held = set()  # its own `valid` folder is what is held back
        for row in rows:
            given_valid = name == "highway" and "/valid/" in row["path"]
            row["split"] = "held" if use == "eval" or row["group"] in held or given_valid else "train"
        if name in ("highway", "bridge"):  # no near copy of a held picture is trained on, and no picture of `valid` ever
            shared = {r["group"] for r in rows if r["split"] == "held"}
            for row in rows:
                if row["split"] == "train" and (row["group"] in shared or "/valid/" in row["path"]):
                    row["split"] = "unused" if row["group"] in shared else "held-shared-view"
        if name == "rzosn":
            sort_lamps(rows)
        digests[name] = hashlib.sha256("".join(r["sha256"] for r in rows).encode()).hexdigest()
        splits = {s: sum(r["split"] == s for r in rows) for s in ("train", "held", "held-shared-view", "unused")}
        print(f"{name}: {len(rows)} pictures, {len({r['group'] for r in rows})} groups, {splits}, {licence}, {use}, digest {digests[name][:16]}")
        lines += rows
    for name, judges in JUDGES.items():
        mine = [r for r in lines if r["set"] == name and r["split"] == "train"]
        leave_out_copies(mine, [r for r in lines if r["set"] in judges and r["split"] == "held"], COPY.get(name, 0.55))
    out.write_text("".join(json.dumps(r) + "\n" for r in lines), encoding="utf-8")
    print(f"wrote {len(lines)} lines to {out}")
    if missing:
        print(f"not here, and left out: {', '.join(missing)}. README.md, Data, says where they are from; the trainers and the tables go on without them")
    compare_with_shipped(lines, digests)


def sort_lamps(rows):
    """Marks the pictures whose boxes hold lamps, and leaves out the scenes that box both lamps and flames."""
    named = set(MIXED.read_text(encoding="utf-8").splitlines())
    mixed = {r["group"] for r in rows if Path(r["path"]).name.split(".rf")[0] in named}
    for row in rows:
        row["lamps"] = bool(LAMPS.match(Path(row["path"]).name))
        if row["group"] in mixed:
            row["split"] = "unused"


def leave_out_copies(rows, judges, same):
    """Takes out of training what shows a scene that is judged on elsewhere: collections from the web share pictures."""
    if not rows:
        return
    pictures = [cv2.imread(str(data_root() / r["path"])) for r in judges]
    pictures = [p[y1:y2, x1:x2] for p, (x1, y1, x2, y2) in zip(pictures, (r["content"] for r in judges))]
    pictures += [p for path in sorted((data_root() / "clips/fire").glob("*.mp4")) for _, p in clip_frames(path, 2.0)]
    judged = np.array([edge_signature(p) for p in pictures])
    count = 0
    for row in rows:
        x1, y1, x2, y2 = row["content"]
        p = cv2.imread(str(data_root() / row["path"]))[y1:y2, x1:x2]
        if max((judged @ edge_signature(p)).max(), (judged @ edge_signature(p[:, ::-1])).max()) > same:
            row["split"], count = "unused", count + 1
    print(f"{rows[0]['set']}: {count} pictures left out, near copies of what is judged on")


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


def compare_with_shipped(lines, digests):
    """Says which sets differ from those that the shipped weights were trained and judged on (datasets.tsv); writes the list where there is none."""
    table = "set\tpictures\tlicence\tuse\tsha256 of the pictures' sha256\n"
    for name in digests:
        rows = [r for r in lines if r["set"] == name]
        table += f"{name}\t{len(rows)}\t{rows[0]['licence']}\t{rows[0]['use']}\t{digests[name]}\n"
    if not SHIPPED.exists():
        SHIPPED.write_text(table, encoding="utf-8")
    for theirs in SHIPPED.read_text(encoding="utf-8").splitlines():
        if theirs not in table:
            print(f"not what the shipped weights saw: {theirs.split(chr(9))[0]}")


def join_videos(rows, video_of):
    """Frames of one named video are one group, whatever they look like; look-alikes without a name join it."""
    alias = {}
    for row in rows:
        video = video_of(row)
        if video:
            row["video"] = video
    for video in sorted({r["video"] for r in rows if "video" in r}):
        groups = {alias.get(r["group"], r["group"]) for r in rows if r.get("video") == video}
        target = min(groups)
        for row in rows:
            if alias.get(row["group"], row["group"]) in groups:
                alias[row["group"]] = target
    for row in rows:
        row["group"] = alias.get(row["group"], row["group"])


def bridge_held(rows):
    """Whole views held back among the bridges: those that `valid` shows and that hold under 60 pictures, so that enough stays to train on."""
    count = defaultdict(int)
    for row in rows:
        count[row["group"]] += 1
    largest_seen = max((n for n in count.values() if n < 60), default=0)
    return {r["group"] for r in rows if "/valid/" in r["path"] and count[r["group"]] < largest_seen}


if __name__ == "__main__":
    main()
