"""What the frozen trunk sees in every picture, computed once: then a head is trained in minutes, again and again, on two cores.

Pictures are made by a generator in a fixed order and written to `<name>-seen.npy` as they come; `<name>-seen.pt` beside it holds what is known of
each. Delete both to look anew."""

import numpy as np
import torch

from common import work_root
from eye import session


def cells(size, channels):
    """Shapes of the trunk's maps for an input of `size` (w, h)."""
    return [(c, size[1] // s, size[0] // s) for c, s in zip(channels, (8, 16, 32))]


class Seen:
    """Maps of many pictures, and what is known of each."""

    def __init__(self, store, known, shapes):
        self.store, self.known, self.shapes = store, known, shapes

    def maps(self, indices, scale=None):
        """The trunk's maps of some pictures, a batch each, float32; less the mean and over the spread where a scale is given."""
        rows = torch.from_numpy(np.stack([self.store[i] for i in indices])).float()
        parts = rows.split([int(np.prod(s)) for s in self.shapes], 1)
        maps = [p.reshape(-1, *s) for p, s in zip(parts, self.shapes)]
        return [(m - mean) / spread for m, (mean, spread) in zip(maps, scale)] if scale else maps

    def scale(self, rng, count=300):
        """Mean and spread of each map's channels, [C, 1, 1] each, from some of the pictures."""
        some = self.maps(np.sort(rng.choice(len(self.known), min(count, len(self.known)), replace=False)))
        return [(m.mean((0, 2, 3))[:, None, None], m.std((0, 2, 3))[:, None, None] + 0.05) for m in some]


def seen_at(model, size, int8):
    """Where what was seen for a model is kept: apart for each size and each form of the trunk."""
    return work_root() / f"{model}-seen-{size[0]}x{size[1]}{'-int8' if int8 else ''}.npy"


def look(eye, size, channels, count, samples, path):
    """Looks through the file `eye` at `count` samples (picture BGR uint8 of `size`, what is known of it), or reads what an earlier run saw."""
    shapes, notes = cells(size, channels), path.with_suffix(".pt")
    if path.exists() and notes.exists():
        return Seen(np.load(path, mmap_mode="r"), torch.load(notes, weights_only=False), shapes)
    shape = (count, sum(int(np.prod(s)) for s in shapes))
    if not path.exists() or np.load(path, mmap_mode="r").shape != shape:
        np.lib.format.open_memmap(path, "w+", np.float16, shape)
    store, eye, known = np.load(path, mmap_mode="r+"), session(eye), []
    for picture, note in samples:
        if not store[len(known)].any():  # else a run that was stopped saw it
            maps = eye.run(None, {"images": picture.transpose(2, 0, 1)[None].astype(np.float32)})
            store[len(known)] = np.concatenate([m.ravel() for m in maps])
        known.append(note)
        if len(known) % 250 == 0:
            print(f"{len(known)} of {count} pictures seen", flush=True)
    store.flush()
    torch.save(known, notes)
    return Seen(store, known, shapes)
