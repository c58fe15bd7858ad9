/// <reference types="svelte" />
/// <reference types="vite/client" />

// The build of MapLibre that needs no `blob:` worker; its types are those of the package.
declare module 'maplibre-gl/dist/maplibre-gl-csp.js' {
  import * as maplibregl from 'maplibre-gl';
  export default maplibregl;
}
