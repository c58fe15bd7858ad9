import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { mockCentre } from './mock/plugin.ts';

/** Address of a running centre to develop against; without it a made-up city answers (mock/). */
const centre = process.env['MATPHO_CENTER'];

export default defineConfig({
  plugins: [svelte(), ...(centre ? [] : [mockCentre()])],
  server: {
    port: 5173,
    ...(centre ? { proxy: { '/api': { target: centre, changeOrigin: true } } } : {}),
  },
  // Far from Vietnam on purpose: no time on the screen may depend on the browser's zone.
  // Patience costs nothing where things are quick; no test fails because the machine has other work.
  test: { env: { TZ: 'America/New_York' }, testTimeout: 60_000, hookTimeout: 60_000, expect: { poll: { timeout: 15_000 } } },
  build: {
    // What control rooms have: evergreen browsers no older than three years.
    target: ['chrome115', 'firefox115', 'safari16.4'],
    // The map library is one big chunk that is only fetched once someone is logged in.
    chunkSizeWarningLimit: 1100,
    // An inlined asset would need `data:` in the content security policy.
    assetsInlineLimit: 0,
    // Its polyfill is an inline script, which the content security policy forbids.
    modulePreload: { polyfill: false },
  },
});
