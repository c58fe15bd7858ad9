"""Flames that nobody boxed, and flames and smoke set into streets that have none. BGR uint8; boxes are [n, 5]: class, corners in pixels."""

import cv2
import numpy as np

from lookalikes import clouds

CLASS_FIRE, CLASS_SMOKE = 0, 1
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


def plume(rng, street):
    """Smoke, white to black, that rises from a point of the street, widens and drifts: fog is everywhere and comes from nowhere.

    Returns the street with it and its box."""
    h, w = street.shape[:2]
    x, y, drift, rise = w * rng.uniform(0.1, 0.9), h * rng.uniform(0.35, 0.95), w * rng.uniform(-0.35, 0.35), h * rng.uniform(0.25, 0.9)
    wide, thick = h * rng.uniform(0.04, 0.15), np.zeros((h, w), np.float32)
    for at in np.linspace(0, 1, 24):
        puff = (int(x + drift * at**1.5 + rng.normal(0, wide * (0.2 + at))), int(y - rise * at))
        layer = np.zeros((h, w), np.float32)
        cv2.circle(layer, puff, max(2, int(wide * (0.5 + rng.uniform(1.5, 3) * at))), float(1 - 0.5 * at), -1)
        thick += 0.5 * layer
    grain = 0.5 * clouds(rng, h, w) + 0.5 * cv2.resize(clouds(rng, max(2, h // 2), max(2, w // 2)).T.copy(), (w, h))
    thick = cv2.GaussianBlur(np.minimum(thick, 1), (0, 0), max(1.0, wide * 0.5))
    alpha = np.clip(thick * (0.45 + 1.2 * grain), 0, 1) * rng.uniform(0.7, 1)
    tone = np.array([(205, 205, 205), (165, 165, 170), (120, 122, 125), (60, 60, 62), (28, 28, 30)][rng.integers(5)], np.float32)
    smoke = (tone + (grain[..., None] - 0.5) * rng.uniform(20, 90)) * np.clip(street.mean() / 105, 0.35, 1.25)
    ys, xs = np.where(alpha > 0.3)
    out = street * (1 - alpha[..., None]) + smoke * alpha[..., None]
    if len(ys) < 0.015 * h * w or np.abs(out - street)[ys, xs].mean() < 25:  # grey on grey: nobody would see it
        return street, NONE
    return np.clip(out, 0, 255).astype(np.uint8), np.array([(CLASS_SMOKE, xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)], np.float32)


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
