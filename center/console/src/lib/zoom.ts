/** Where a picture lies when it is zoomed and dragged in a frame. Pure: lengths in pixels, the frame's centre is the origin. */

export interface View {
  /** 1 fits the frame. */
  scale: number;
  x: number;
  y: number;
}

export const FIT: View = { scale: 1, x: 0, y: 0 };
export const SCALE_MAX = 8;

/** Keeps the picture over the frame: at scale 1 it is centred, beyond it no edge may come inside. */
export function held(view: View, width: number, height: number): View {
  const scale = Math.min(SCALE_MAX, Math.max(1, view.scale));
  const x = (width * (scale - 1)) / 2;
  const y = (height * (scale - 1)) / 2;
  return { scale, x: Math.max(-x, Math.min(x, view.x)), y: Math.max(-y, Math.min(y, view.y)) };
}

/** Zooms by `factor` so that the point at `px`, `py` stays where it is. */
export function zoomAt(view: View, factor: number, px: number, py: number): View {
  const scale = Math.min(SCALE_MAX, Math.max(1, view.scale * factor));
  const real = scale / view.scale;
  return { scale, x: px - (px - view.x) * real, y: py - (py - view.y) * real };
}
