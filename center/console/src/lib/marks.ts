/**
 * Shapes that say a priority or a camera's state without colour. One source for the lists (SVG) and the map (canvas): paths on a
 * grid of 24, `body` filled with the tone, `glyph` stroked over it in dark.
 */
import type { CameraState, Severity } from './types.ts';

export interface Mark {
  body: string;
  glyph: string;
}

export const SEVERITY_MARKS: Record<Severity, Mark> = {
  // Diamond with two bars: stands out among the rest even at 12 px.
  extreme: { body: 'M12 1 23 12 12 23 1 12Z', glyph: 'M9.5 7v6m0 3.2v.01M14.5 7v6m0 3.2v.01' },
  severe: { body: 'M12 1.5 23 21.5H1Z', glyph: 'M12 9v6m0 3.2v.01' },
  moderate: { body: 'M3 3h18v18H3z', glyph: 'M12 7v6m0 3.8v.01' },
  minor: { body: 'M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20Z', glyph: 'M12 11v5.5m0-9.3v.01' },
};

export const CAMERA_MARKS: Record<CameraState, Mark> = {
  live: { body: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z', glyph: 'M12 10a2 2 0 1 0 0 4 2 2 0 0 0 0-4Z' },
  stale: { body: 'M5 2.5h14v3.5L13.5 12 19 18v3.5H5V18L10.5 12 5 6Z', glyph: 'M8.5 5.7h7' },
  lost: { body: 'M3 3h18v18H3z', glyph: 'M8 8l8 8M16 8l-8 8' },
  blind: { body: 'M12 1.5 22.5 12 12 22.5 1.5 12Z', glyph: 'M7.5 12h9' },
  unknown: { body: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z', glyph: 'M9.5 9.7a2.5 2.5 0 1 1 3.6 2.2c-.7.4-1.1.9-1.1 1.7M12 16.8v.01' },
  moved: { body: 'M12 1.5 22.5 20.5H1.5Z', glyph: 'M12 17.5V10m-3 3 3-3.5 3 3.5' },
};
