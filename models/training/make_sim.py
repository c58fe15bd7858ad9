"""Dumps the simulated streets of streets.toml with their truth, to train on and, from other seeds, to judge on.

    python make_sim.py MATPHO_SIM_BINARY

Writes below $MATPHO_WORK: sim and sim-traffic (seeds from 1), sim-held and sim-traffic-held (seeds from 9001). What an earlier run drew stays; one that
was stopped goes on.
"""

import json
import subprocess
import sys
from pathlib import Path

from common import work_root

STREETS = Path(__file__).with_name("streets.toml")
# camera, scenes to train on, scenes to judge on, from s, every s, seconds
JOBS = (
    ("calm", 14, 4, 20, 9, 27),
    ("jam", 14, 4, 30, 15, 45),
    ("mixed", 20, 4, 15, 9, 27),
    ("fire-shop", 14, 4, 3, 9, 36),
    ("fire-far", 10, 3, 3, 9, 36),
    ("fire-vehicle", 14, 4, 3, 9, 36),
    ("fire-kerb", 12, 4, 3, 9, 36),
    ("smoke", 12, 4, 3, 9, 36),
    ("flood-12", 12, 4, 3, 12, 48),
    ("flood-25", 12, 4, 3, 12, 48),
    ("flood-45", 14, 4, 3, 12, 48),
)


# Traffic alone, with more buses and lorries than a street has: what the vehicle model sees too few of elsewhere.
TRAFFIC = (
    ("calm", 12, 4, 20, 12, 48),
    ("jam", 14, 5, 30, 15, 60),
    ("mixed", 24, 6, 15, 12, 48),
)


def drawn(out, frames_of):
    """Streets that an earlier run drew whole, by name. Of one that it was stopped in, the frames are forgotten: they are drawn again."""
    truth = out / "truth.jsonl"
    if not truth.exists():
        return set()
    lines = {}
    for line in truth.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.endswith("\n"):
            lines.setdefault(json.loads(line)["image"].rsplit("_", 1)[0], []).append(line)
    whole = {street: of for street, of in lines.items() if len(of) >= frames_of.get(street, len(of))}
    truth.write_text("".join(line for of in whole.values() for line in of), encoding="utf-8")
    return set(whole)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    held, train = (2, 9001), (1, 1)
    for folder, jobs, (column, first) in (("sim-held", JOBS, held), ("sim-traffic-held", TRAFFIC, held), ("sim", JOBS, train), ("sim-traffic", TRAFFIC, train)):
        out = work_root() / folder
        streets = {f"{job[0]}-v{seed}": (job, seed) for number, job in enumerate(jobs) for seed in range(first + 100 * number, first + 100 * number + job[column])}
        whole = drawn(out, {name: job[5] // job[4] for name, (job, _) in streets.items()})
        for name, ((camera, _, _, start, every, seconds), seed) in streets.items():
            if name in whole:
                continue
            command = [sys.argv[1], "frames", str(STREETS), "--camera", camera, "--vary", str(seed), "--from", str(start),
                       "--every", str(every), "--seconds", str(seconds), "--out", str(out)]
            run = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
            if run.returncode:
                why = (run.stderr.strip().splitlines() or ["no reason given"])[-1]
                print(f"{camera}, seed {seed}: not drawn ({why})", flush=True)  # one street less changes nothing
        print(f"{folder}: {len(list(out.glob('*.jpg')))} frames", flush=True)


if __name__ == "__main__":
    main()
