"""What looks like fire and is none, painted over licensed pictures without fire: evening skies, lit windows, coloured light, northern lights, sun
through leaves and on bare earth, glitter.

BGR uint8 in and out; `rng` is a numpy Generator."""

import cv2
import numpy as np


def clouds(rng, h, w):
    """Noise of several scales, longer across than down, 0..1."""
    total = np.zeros((h, w), np.float32)
    for cells, power in ((3, 0.45), (7, 0.28), (16, 0.17), (40, 0.1)):
        grid = rng.random((max(2, int(cells * rng.uniform(0.8, 2.5))), cells)).astype(np.float32)
        total += power * cv2.resize(grid, (w, h), interpolation=cv2.INTER_CUBIC)
    return np.clip((total - total.min()) / (np.ptp(total) + 1e-6), 0, 1)


def blend(low, high, share):
    """Between two colours, cell by cell: [h, w, 3]."""
    return np.asarray(low, np.float32) + (np.asarray(high, np.float32) - np.asarray(low, np.float32)) * share[..., None]


def evening_sky(rng, p):
    """A sky after sunset over the dark shape of what stood there: red and yellow, grained by clouds, brightest at the horizon."""
    h, w = p.shape[:2]
    horizon = int(h * rng.uniform(0.35, 0.8))
    y = np.linspace(0, 1, horizon, dtype=np.float32)[:, None] ** rng.uniform(0.7, 2.5)
    high = np.array([(120, 60, 40), (90, 50, 90), (150, 90, 80), (60, 60, 120)][rng.integers(4)], np.float32)
    low = np.array([(40, 140, 255), (60, 90, 240), (90, 190, 255), (70, 60, 200)][rng.integers(4)], np.float32)
    sky = blend(high, low, np.repeat(y, w, 1))
    cloud = np.clip((clouds(rng, horizon, w) - rng.uniform(0.3, 0.6)) * rng.uniform(2, 5), 0, 1)
    lit = np.array([(30, 60, 220), (80, 170, 255), (60, 50, 70), (110, 100, 200)][rng.integers(4)], np.float32)
    sky = sky * (1 - cloud[..., None]) + lit * cloud[..., None]
    if rng.random() < 0.6:
        yy, xx = np.mgrid[0:horizon, 0:w].astype(np.float32)
        far = np.hypot(xx - w * rng.uniform(0.1, 0.9), yy - horizon * rng.uniform(0.5, 1)) / w
        sky += (np.exp(-((far / rng.uniform(0.01, 0.05)) ** 2)) * 255 + np.exp(-far / rng.uniform(0.05, 0.2)) * 130)[..., None] * np.array((0.5, 0.85, 1), np.float32)
    ground = p[horizon:].astype(np.float32) * rng.uniform(0.08, 0.5) * np.array((0.75, 0.9, 1.1), np.float32)
    out = np.concatenate((sky, ground))
    edge = (horizon + (clouds(rng, 2, w)[0] - 0.5) * h * rng.uniform(0, 0.2)).astype(int)  # roofs and trees against the sky
    rows = np.arange(h)[:, None]
    above = (rows < horizon) & (rows >= edge[None])
    out[above] = out[above] * rng.uniform(0.03, 0.2)
    return np.clip(out, 0, 255).astype(np.uint8)


def lit_windows(rng, p):
    """Houses at night: warm panes in rows over a dark picture, some with their mirror below."""
    h, w = p.shape[:2]
    light = np.zeros((h, w, 3), np.float32)
    for _ in range(int(rng.integers(1, 5))):
        pane = max(2, int(h * rng.uniform(0.01, 0.07)))
        wide, step = max(2, int(pane * rng.uniform(0.5, 1.4))), rng.uniform(1.4, 3)
        x0, y0 = rng.uniform(0, w * 0.8), rng.uniform(0, h * 0.6)
        tone = np.array([(90, 180, 255), (60, 140, 255), (150, 220, 255), (40, 110, 240), (200, 235, 255)][rng.integers(5)], np.float32)
        for row in range(int(rng.integers(1, 7))):
            for col in range(int(rng.integers(1, 10))):
                if rng.random() < 0.6:
                    x, y = int(x0 + col * wide * step), int(y0 + row * pane * step)
                    cv2.rectangle(light, (x, y), (x + wide, y + pane), tuple(float(v) for v in tone * rng.uniform(0.5, 1.1)), -1)
    soft = cv2.GaussianBlur(light, (0, 0), w * rng.uniform(0.004, 0.03))
    if rng.random() < 0.4:
        low = int(h * rng.uniform(0.55, 0.8))
        soft[low:] += cv2.blur(light[:low][::-1], (3, max(3, h // 12)))[: h - low] * 0.5 if low >= h - low else 0
    dark = p * rng.uniform(0.08, 0.4) * np.array((1.1, 0.95, 0.85), np.float32)
    return np.clip(dark + light + soft * rng.uniform(0.5, 2), 0, 255).astype(np.uint8)


def coloured_light(rng, p):
    """A room or street under red, orange or violet light, from a side or from above."""
    h, w = p.shape[:2]
    tint = np.array([(0.25, 0.3, 1), (0.15, 0.6, 1), (0.3, 0.75, 1), (0.8, 0.25, 1), (0.45, 0.8, 1)][rng.integers(5)], np.float32)
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    far = np.hypot((x - w * rng.uniform(0, 1)) / w, (y - h * rng.uniform(-0.2, 0.7)) / h)
    light = (rng.uniform(0.2, 0.7) + rng.uniform(0.3, 1.4) * np.exp(-far / rng.uniform(0.15, 0.8)))[..., None]
    return np.clip(p * tint * light * rng.uniform(0.9, 1.6) + tint * np.exp(-far / 0.1)[..., None] * rng.uniform(0, 200), 0, 255).astype(np.uint8)


def northern_lights(rng, p):
    """Green or violet curtains in a dark sky."""
    h, w = p.shape[:2]
    horizon = int(h * rng.uniform(0.4, 0.85))
    fold = cv2.resize(clouds(rng, 4, w)[:1], (w, horizon)) ** rng.uniform(1, 3)
    height = np.linspace(0.1, 1, horizon, dtype=np.float32)[:, None] ** rng.uniform(0.5, 2)
    curtain = cv2.GaussianBlur(fold * height * clouds(rng, horizon, w), (0, 0), rng.uniform(1, 8))
    tone = np.array([(90, 255, 80), (160, 230, 60), (200, 80, 180), (120, 200, 230)][rng.integers(4)], np.float32)
    out = p.astype(np.float32) * rng.uniform(0.05, 0.3)
    out[:horizon] = out[:horizon] * 0.4 + np.array((50, 30, 15), np.float32) + curtain[..., None] * tone * rng.uniform(0.8, 2)
    return np.clip(out, 0, 255).astype(np.uint8)


def leaves(rng, h, w):
    """Leaves and twigs, 1, against what is behind them, 0: fine grain in coarse clumps."""
    fine = cv2.resize(rng.random((h, w)).astype(np.float32), (w, h))
    size = h * rng.uniform(0.004, 0.02)
    fine = cv2.GaussianBlur(fine, (0, 0), max(0.6, size))
    fine = (fine - fine.mean()) / (fine.std() + 1e-6)
    field = fine + rng.uniform(1, 3) * (clouds(rng, h, w) - rng.uniform(0.15, 0.5))
    mask = np.clip(field * rng.uniform(1.5, 4) + 0.5, 0, 1)
    for _ in range(int(rng.integers(0, 7))):  # trunks and branches
        x = int(rng.uniform(0, w))
        cv2.line(mask, (x, h), (int(x + rng.uniform(-0.3, 0.3) * w), int(h * rng.uniform(-0.2, 0.6))), 1.0, max(1, int(w * rng.uniform(0.003, 0.04))))
    return mask


def sun_through_leaves(rng, p):
    """Low sun or bright sky behind foliage: white to orange specks of every size, ragged as flames are, over green, brown or red leaves."""
    h, w = p.shape[:2]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    far = np.hypot(x - w * rng.uniform(-0.1, 1.1), y - h * rng.uniform(-0.1, 0.8)) / w
    sun = np.exp(-far / rng.uniform(0.05, 0.5))
    warm = np.array([(90, 190, 255), (60, 150, 255), (150, 225, 255), (225, 245, 255), (120, 240, 240)][rng.integers(5)], np.float32)
    behind = warm * (rng.uniform(0.1, 0.8) + rng.uniform(0.6, 1.6) * sun)[..., None]
    tone = np.array([(25, 70, 45), (20, 45, 35), (25, 60, 90), (20, 45, 110), (15, 20, 20), (40, 110, 110)][rng.integers(6)], np.float32)
    grain = cv2.GaussianBlur(rng.random((h, w)).astype(np.float32), (0, 0), rng.uniform(0.7, 2.5))
    grain = (grain - grain.mean()) / (grain.std() + 1e-6)
    leaf = tone * np.clip(1 + 0.4 * grain + rng.uniform(0, 2.5) * sun, 0.1, 4)[..., None]  # the sun shines through them, too
    if rng.random() < 0.4:
        leaf = 0.6 * leaf + 0.4 * p * rng.uniform(0.2, 0.8)
    mask = leaves(rng, h, w)
    if rng.random() < 0.5:  # a tree stands in a part of the picture, the rest stays
        there = cv2.GaussianBlur((clouds(rng, h, w) > rng.uniform(0.35, 0.6)).astype(np.float32), (0, 0), w * 0.01)[..., None]
    else:
        there = np.ones((h, w, 1), np.float32)
    tree = leaf * mask[..., None] + behind * (1 - mask[..., None])
    out = tree * there + p * (1 - there)
    bloom = cv2.GaussianBlur(np.clip(out - 190, 0, 255), (0, 0), w * rng.uniform(0.003, 0.02))
    if rng.random() < 0.4:  # patches of sun on the ground
        low = int(h * rng.uniform(0.5, 0.8))
        out[low:] += (np.clip(clouds(rng, h, w)[low:] - 0.55, 0, 1) * rng.uniform(100, 600))[..., None] * warm / 255
    return np.clip(out + bloom * rng.uniform(0.3, 2), 0, 255).astype(np.uint8)


def sunlit_earth(rng, p):
    """Patches of sun on earth, brick, rock or dry leaves in deep shade: yellow to white spots with ragged edges on red and brown."""
    h, w = p.shape[:2]
    tone = np.array([(60, 105, 165), (45, 80, 150), (80, 130, 180), (70, 95, 130), (60, 125, 190), (95, 140, 170)][rng.integers(6)], np.float32)
    grey = p.mean(2, keepdims=True) / 128
    rough = cv2.GaussianBlur(rng.standard_normal((h, w)).astype(np.float32), (0, 0), rng.uniform(0.6, 3))
    rough = 1 + rng.uniform(0.1, 0.6) * rough / (rough.std() + 1e-6)
    own = rng.uniform(0, 0.8)
    ground = (own * p.astype(np.float32) * rng.uniform(0.6, 1.2) + (1 - own) * tone * (0.35 + 0.65 * grey)) * np.clip(rough, 0.2, 2.5)[..., None]
    if rng.random() < 0.6:  # a bank or a wall, the rest of the picture stays
        there = cv2.GaussianBlur((clouds(rng, h, w) > rng.uniform(0.25, 0.55)).astype(np.float32), (0, 0), w * 0.015)[..., None]
        ground = ground * there + p * (1 - there)
    field = 0.6 * clouds(rng, h, w) + 0.4 * cv2.GaussianBlur(rng.random((h, w)).astype(np.float32), (0, 0), w * rng.uniform(0.004, 0.02)) * rng.uniform(0.8, 1.3)
    lit = np.clip((field - np.quantile(field, rng.uniform(0.55, 0.97))) * rng.uniform(8, 40), 0, 1)
    if rng.random() < 0.5:  # between shadows of twigs
        lit *= 1 - 0.7 * np.clip(leaves(rng, h, w), 0, 1)
    sun = np.array([(0.75, 0.95, 1.0), (0.6, 0.88, 1.0), (0.9, 1.0, 1.0)][rng.integers(3)], np.float32) * rng.uniform(1.3, 3)
    out = ground * (rng.uniform(0.2, 0.6) * (1 - lit[..., None]) + sun * lit[..., None])
    return np.clip(out, 0, 255).astype(np.uint8)


def glitter(rng, p):
    """Low sun on water, wet road or windscreens: a strip of sparks, white in the middle and warm around."""
    h, w = p.shape[:2]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    top, middle = h * rng.uniform(0.2, 0.6), w * rng.uniform(0.1, 0.9)
    strip = np.exp(-(((x - middle) / (w * rng.uniform(0.03, 0.25))) ** 2)) * np.clip((y - top) / (0.1 * h), 0, 1)
    spark = cv2.resize(rng.random((h, max(2, w // int(rng.integers(2, 6))))).astype(np.float32), (w, h))
    spark = cv2.GaussianBlur(spark, (0, 0), rng.uniform(0.6, 1.6))
    spark = np.clip((spark - spark.mean()) / (spark.std() + 1e-6) + 3.5 * strip - rng.uniform(2.5, 4), 0, 1.5) * strip
    warm = np.array([(90, 190, 255), (60, 150, 255), (190, 230, 255)][rng.integers(3)], np.float32)
    light = spark[..., None] * 330 + (cv2.GaussianBlur(spark, (0, 0), w * 0.02) * rng.uniform(0.5, 2))[..., None] * warm
    return np.clip(p * rng.uniform(0.3, 1) * np.array((0.8, 0.93, 1.05), np.float32) + light, 0, 255).astype(np.uint8)


def any_of(rng, p):
    """One of them."""
    change = (evening_sky, evening_sky, lit_windows, lit_windows, coloured_light, northern_lights, sun_through_leaves, sun_through_leaves, sunlit_earth, sunlit_earth, sunlit_earth, glitter)[rng.integers(12)]
    return change(rng, p)
