/** What the map has to show, as GeoJSON and markers. Pure. */
import { byNeed, severityRank } from '../order.ts';
import { cameraKey, type Camera, type Incident, type Position } from '../types.ts';

export function cameraFeatures(cameras: Iterable<Camera>): GeoJSON.FeatureCollection {
  const placed = [...cameras].filter((camera) => camera.position).sort(byNeed).reverse();
  return {
    type: 'FeatureCollection',
    features: placed.map((camera, order) => ({
      type: 'Feature',
      properties: { key: cameraKey(camera), name: camera.name, state: camera.state, order },
      geometry: { type: 'Point', coordinates: camera.position! },
    })),
  };
}

export interface Pin {
  incident: Incident;
  position: Position;
  /** Which of the pins at the same place it is, from 0, and of how many: they stand side by side. */
  index: number;
  count: number;
}

/** Pins of incidents; those at one place side by side, gravest first. */
export function pins(incidents: readonly Incident[]): Pin[] {
  const places = new Map<string, Incident[]>();
  for (const incident of incidents) {
    const at = positionOf(incident);
    if (!at) continue;
    const key = at.map((degrees) => degrees.toFixed(5)).join();
    places.set(key, [...(places.get(key) ?? []), incident]);
  }
  return [...places.values()].flatMap((here) =>
    here
      .sort((a, b) => severityRank(a.severity) - severityRank(b.severity))
      .map((incident, index) => ({ incident, position: positionOf(incident)!, index, count: here.length })),
  );
}

export function positionOf(incident: Incident): Position | undefined {
  return incident.place.position ?? incident.cameras.find((camera) => camera.position)?.position;
}

/** `[west, south, east, north]` around positions; nothing for none. */
export function boundsOf(positions: Position[]): [number, number, number, number] | undefined {
  if (positions.length === 0) return undefined;
  const lon = positions.map((position) => position[0]);
  const lat = positions.map((position) => position[1]);
  return [Math.min(...lon), Math.min(...lat), Math.max(...lon), Math.max(...lat)];
}
