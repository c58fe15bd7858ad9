/** Draws the camera marks for the map. */
import type { Map as MapLibre } from 'maplibre-gl';
import { CAMERA_MARKS } from '../marks.ts';

/** Pixels of the mark, and room for its halo, in CSS pixels. */
const SIZE = 20;
const ROOM = 3;

export function addCameraIcons(map: MapLibre): void {
  const ratio = Math.max(2, Math.ceil(window.devicePixelRatio));
  const side = (SIZE + 2 * ROOM) * ratio;
  const tones = getComputedStyle(document.documentElement);
  for (const [state, mark] of Object.entries(CAMERA_MARKS)) {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = side;
    const pen = canvas.getContext('2d');
    if (!pen) return;
    pen.scale((SIZE / 24) * ratio, (SIZE / 24) * ratio);
    pen.translate((ROOM * 24) / SIZE, (ROOM * 24) / SIZE);
    pen.lineJoin = pen.lineCap = 'round';
    const body = new Path2D(mark.body);
    pen.strokeStyle = '#0f1316';
    pen.lineWidth = 5;
    pen.stroke(body);
    pen.fillStyle = tones.getPropertyValue(`--${state}`) || '#b4bfc7';
    pen.fill(body);
    pen.lineWidth = 2.6;
    pen.stroke(new Path2D(mark.glyph));
    const name = `camera-${state}`;
    if (map.hasImage(name)) map.removeImage(name);
    map.addImage(name, pen.getImageData(0, 0, side, side), { pixelRatio: ratio });
  }
}
