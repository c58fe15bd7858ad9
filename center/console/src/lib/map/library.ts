/** Loads the map library when it is first needed, in the build that keeps to a strict content security policy. */
import workerUrl from 'maplibre-gl/dist/maplibre-gl-csp-worker.js?url';
import 'maplibre-gl/dist/maplibre-gl.css';
import maplibregl from 'maplibre-gl/dist/maplibre-gl-csp.js';

maplibregl.setWorkerUrl(workerUrl);

let pmtiles = false;

/** Lets styles name `pmtiles://…` sources. */
export async function withPmtiles(): Promise<void> {
  if (pmtiles) return;
  pmtiles = true;
  const { Protocol } = await import('pmtiles');
  maplibregl.addProtocol('pmtiles', new Protocol().tile);
}

export default maplibregl;
