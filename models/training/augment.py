"""Pictures made worse the way weather, night and cheap cameras make them worse. BGR uint8 in and out; `rng` is a numpy Generator."""

import cv2
import numpy as np


def colour(rng, p):
    """Exposure, contrast, white balance and saturation of another camera."""
    x = p.astype(np.float32)
    x = 255 * (x / 255) ** np.exp(rng.uniform(-0.5, 0.5))
    x = (x - 127) * rng.uniform(0.7, 1.3) + 127 + rng.uniform(-30, 30)
    x *= rng.uniform(0.88, 1.12, 3)
    x = np.clip(x, 0, 255)
    grey = x.mean(2, keepdims=True)
    return np.clip(grey + (x - grey) * rng.uniform(0.4, 1.5), 0, 255).astype(np.uint8)


def glow(rng, p, lamps, tint=None, power=1.0):
    """Adds lamps with bloom: bright cores, wide halos. `tint` BGR 0..1; warm white, red or sodium by default."""
    h, w = p.shape[:2]
    light = np.zeros((h, w, 3), np.float32)
    for _ in range(lamps):
        x, y = int(rng.uniform(0, w)), int(h * rng.uniform(0.15, 0.95))
        c = tint or [(1, 1, 1), (0.75, 0.9, 1), (0.3, 0.65, 1), (0.15, 0.15, 1), (1, 0.9, 0.75)][rng.integers(5)]
        radius = max(1, int(w * rng.uniform(0.002, 0.02)))
        cv2.circle(light, (x, y), radius, tuple(255 * v for v in c), -1)
        if rng.random() < 0.4:  # its streak on wet asphalt
            cv2.line(light, (x, y), (x, min(h, y + int(h * rng.uniform(0.05, 0.3)))), tuple(110 * v for v in c), max(1, radius))
    small = cv2.resize(light, (w // 4 + 1, h // 4 + 1), interpolation=cv2.INTER_AREA)
    halo = cv2.GaussianBlur(small, (0, 0), max(1.0, w * rng.uniform(0.005, 0.03) / 4)) * rng.uniform(1, 5)
    light += cv2.resize(halo, (w, h))
    return np.clip(p + power * light, 0, 255).astype(np.uint8)


def night(rng, p):
    """Dark, bluish or sodium, with lamps."""
    cast = np.array([(1.2, 0.95, 0.8), (0.65, 0.9, 1.15), (1, 1, 1)][rng.integers(3)], np.float32)
    x = np.clip(p * rng.uniform(0.15, 0.5) * cast, 0, 255).astype(np.uint8)
    return glow(rng, x, int(rng.integers(0, 8)))


def fog(rng, p):
    """Haze that thickens towards the top of the picture, where the road is far."""
    h = p.shape[0]
    veil = np.linspace(rng.uniform(0.4, 0.95), rng.uniform(0, 0.4), h, dtype=np.float32)[:, None, None]
    return (p * (1 - veil) + rng.uniform(130, 235) * veil).astype(np.uint8)


def sunset(rng, p):
    """An orange sky gradient with a glaring sun: warm colour without fire."""
    h, w = p.shape[:2]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    d = np.hypot((x - w * rng.uniform(0.1, 0.9)) / w, (y - h * rng.uniform(0, 0.4)) / h)
    sun = np.exp(-d / rng.uniform(0.1, 0.5))[..., None] * rng.uniform(80, 260)
    warm = np.array((rng.uniform(0.1, 0.6), rng.uniform(0.45, 0.8), 1), np.float32)
    return np.clip(p * (0.55 + 0.45 * warm) + sun * warm, 0, 255).astype(np.uint8)


def other_hues(rng, p):
    """Another season, other paint: all hues turned, or green leaves turned to yellow, orange and red. Red is not fire."""
    hsv = cv2.cvtColor(p, cv2.COLOR_BGR2HSV)
    hue = hsv[..., 0].astype(np.int16)
    if rng.random() < 0.5:
        hue += int(rng.integers(0, 180))
    else:
        green = (hue > 25) & (hue < 95)
        hue[green] = rng.integers(3, 26) + (hue[green] - 60) // 8
        hsv[..., 1] = np.where(green, np.clip(hsv[..., 1].astype(np.float32) * rng.uniform(1, 2.2), 0, 255), hsv[..., 1])
    hsv[..., 0] = hue % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)


def rain(rng, p):
    """Slanted streaks, and the softness of a wet lens."""
    h, w = p.shape[:2]
    streaks = np.zeros((h, w), np.uint8)
    slant, length = rng.uniform(-0.3, 0.3), rng.uniform(0.02, 0.06) * h
    for x, y in zip(rng.uniform(0, w, 250), rng.uniform(0, h, 250)):
        cv2.line(streaks, (int(x), int(y)), (int(x + slant * length), int(y + length)), int(rng.uniform(60, 200)), 1)
    soft = cv2.GaussianBlur(streaks, (3, 3), 0)[..., None].astype(np.float32)
    return np.clip(p * 0.9 + soft * rng.uniform(0.2, 0.6), 0, 255).astype(np.uint8)


def wet(rng, p):
    """Shining asphalt: the lower part mirrors the upper part faintly, streaked downwards. A wet road is no flood."""
    h = p.shape[0]
    horizon = int(h * rng.uniform(0.3, 0.5))
    below = h - horizon
    above = cv2.resize(p[:horizon][::-1], (p.shape[1], below))
    mirror = cv2.blur(above, (3, max(3, int(below * 0.35))))
    share = rng.uniform(0.06, 0.22) * np.linspace(1, 0.4, below, dtype=np.float32)[:, None, None]
    out = p.copy()
    out[horizon:] = np.clip(p[horizon:] * rng.uniform(0.55, 0.9) * (1 - share) + mirror * share * 1.3, 0, 255)
    return out


def sensor(rng, p):
    """Motion or focus blur, noise, and the blocks of a starved encoder."""
    if rng.random() < 0.3:
        p = cv2.GaussianBlur(p, (0, 0), rng.uniform(0.4, 1.4))
    if rng.random() < 0.15:
        kernel = np.zeros((7, 7), np.float32)
        kernel[3] = 1 / 7
        turn = cv2.getRotationMatrix2D((3, 3), rng.uniform(0, 180), 1)
        kernel = cv2.warpAffine(kernel, turn, (7, 7))
        p = cv2.filter2D(p, -1, kernel / max(kernel.sum(), 1e-6))
    if rng.random() < 0.3:
        p = np.clip(p + np.float32(rng.uniform(2, 14)) * rng.standard_normal(p.shape, np.float32), 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        p = cv2.imdecode(cv2.imencode(".jpg", p, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(18, 75))])[1], cv2.IMREAD_COLOR)
    return p


def weather(rng, p, strength=1.0):
    """One kind of weather or light in some of the pictures, another camera's colours in most."""
    if rng.random() < 0.8:
        p = colour(rng, p)
    kind = rng.random() / strength
    for limit, change in ((0.08, night), (0.14, fog), (0.20, rain), (0.26, wet), (0.30, sunset)):
        if kind < limit:
            p = change(rng, p)
            break
    return sensor(rng, p)


def place(rng, picture, boxes, size, zoom=(0.6, 1.6), stretch=0.12, pad=114, min_visible=0.35):
    """Random scale, shift and mirror into a canvas of `size` (w, h). Boxes [n, 5]; those left mostly outside are dropped.

    Returns (canvas, boxes, matrix of the warp)."""
    w, h = size
    ph, pw = picture.shape[:2]
    factor = min(w / pw, h / ph) * np.exp(rng.uniform(*np.log(zoom)))
    squeeze = np.exp(rng.uniform(-stretch, stretch))
    fx, fy = factor * squeeze, factor / squeeze
    sw, sh = pw * fx, ph * fy
    tx = rng.uniform(min(0, w - sw), max(0, w - sw))
    ty = rng.uniform(min(0, h - sh), max(0, h - sh))
    matrix = np.array([[fx, 0, tx], [0, fy, ty]], np.float32)
    if rng.random() < 0.5:
        matrix[0] = (-fx, 0, w - tx)
    source = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) if factor < 0.5 else picture
    warp = matrix.copy()
    if factor < 0.5:
        warp[:, :2] *= (pw / source.shape[1], ph / source.shape[0])
    canvas = cv2.warpAffine(source, warp, (w, h), flags=cv2.INTER_LINEAR, borderValue=(pad, pad, pad))
    return canvas, move_boxes(boxes, matrix, w, h, min_visible), matrix


def move_boxes(boxes, matrix, w, h, min_visible=0.35):
    """Boxes [n, 5+] under an axis-parallel warp, clipped to the canvas; small rests are dropped."""
    if not len(boxes):
        return boxes.copy()
    x = np.sort(boxes[:, (1, 3)] * matrix[0, 0] + matrix[0, 2], 1)
    y = np.sort(boxes[:, (2, 4)] * matrix[1, 1] + matrix[1, 2], 1)
    whole = (x[:, 1] - x[:, 0]) * (y[:, 1] - y[:, 0])
    x, y = x.clip(0, w), y.clip(0, h)
    seen = (x[:, 1] - x[:, 0]) * (y[:, 1] - y[:, 0])
    out = boxes.copy()
    out[:, 1], out[:, 2], out[:, 3], out[:, 4] = x[:, 0], y[:, 0], x[:, 1], y[:, 1]
    keep = (seen > min_visible * whole) & (x[:, 1] - x[:, 0] > 2.5) & (y[:, 1] - y[:, 0] > 2.5)
    return out[keep]
