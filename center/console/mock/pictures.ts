/** Placeholder camera pictures as SVG: a street in perspective, with what the camera is said to see. */
import type { EventKind } from '../src/lib/types.ts';

export interface Scene {
  /** Makes each camera's street its own. */
  seed: number;
  name: string;
  /** RFC 3339. */
  at: string;
  kind?: EventKind | undefined;
  /** Drawn as evidence: with its region. */
  region?: [number, number, number, number] | undefined;
  night?: boolean;
}

const W = 1280;
const H = 720;
/** Where the road meets the sky. */
const HORIZON = 235;

function random(seed: number): () => number {
  let state = (seed * 2654435761) >>> 0 || 1;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
}

const PAINT = ['#b9bec2', '#2d3338', '#7e2f2c', '#3b4f66', '#d8d6cf', '#56616b', '#8a7a4d'];

function vehicle(rnd: () => number, lane: number, depth: number, night: boolean): string {
  // depth 0 is at the camera, 1 at the horizon.
  const near = (1 - depth) ** 1.7;
  const y = HORIZON + 14 + near * (H - HORIZON - 60);
  const x = W / 2 + 20 + (lane - 1.5) * (38 + near * 300);
  const s = 0.12 + near * 0.95;
  const paint = PAINT[Math.floor(rnd() * PAINT.length)]!;
  const light = night ? `<circle cx="-52" cy="-30" r="9" fill="#ffe9b0"/><circle cx="52" cy="-30" r="9" fill="#ffe9b0"/>` : '';
  const bike = rnd() < 0.55;
  const body = bike
    ? `<ellipse cx="0" cy="0" rx="20" ry="6" fill="#000" opacity=".4"/><rect x="-9" y="-46" width="18" height="46" rx="8" fill="#22272b"/><path d="M-22-84q22-14 44 0l4 46h-52z" fill="${paint}"/><circle cy="-100" r="17" fill="${PAINT[Math.floor(rnd() * 7)]}"/>${night ? '<circle cy="-44" r="8" fill="#ffe9b0"/>' : ''}`
    : `<ellipse cx="0" cy="2" rx="92" ry="14" fill="#000" opacity=".4"/><path d="M-82-6v-46l22-12 16-40h88l16 40 22 12v46z" fill="${paint}"/><path d="M-40-96h80l12 32h-104z" fill="#1b2328"/><rect x="-80" y="-14" width="30" height="18" rx="5" fill="#14181b"/><rect x="50" y="-14" width="30" height="18" rx="5" fill="#14181b"/>${light}`;
  const jitter = (rnd() - 0.5) * 60 * s;
  return `<g transform="translate(${(x + jitter).toFixed(0)} ${y.toFixed(0)}) scale(${s.toFixed(2)})">${body}</g>`;
}

function phenomenon(kind: EventKind | undefined): string {
  switch (kind) {
    case 'fire.flame':
    case 'fire.smoke': {
      const smoke = [0, 1, 2, 3, 4, 5].map((i) => `<circle cx="${905 + i * 26}" cy="${330 - i * 62}" r="${44 + i * 19}" fill="#8b8f93" opacity="${0.62 - i * 0.08}"/>`).join('');
      const flame = `<path d="M900 470c-52-30-60-92-22-138 4 26 16 36 28 40-8-50 16-86 40-108 4 54 58 78 58 140 0 42-24 60-48 66z" fill="#f0761e"/><path d="M914 468c-30-22-26-62 2-88 2 18 12 24 20 28 0-24 10-40 20-50 4 34 28 46 24 80-4 20-20 30-34 30z" fill="#ffd65a"/>`;
      return kind === 'fire.smoke' ? smoke : smoke + flame;
    }
    case 'flood.street':
      return `<path d="M0 470q320-34 640-18t640-10v278H0z" fill="#6f6a58" opacity=".82"/>${[500, 540, 590, 650].map((y) => `<path d="M${(y * 7) % 300} ${y}q160-14 320 0t340-4" stroke="#b5b29f" stroke-width="${(y - 480) / 26}" fill="none" opacity=".55"/>`).join('')}`;
    default:
      return '';
  }
}

export function picture(scene: Scene): string {
  const rnd = random(scene.seed);
  const night = scene.night ?? false;
  const [sky, far, ground, road] = night ? ['#0c1118', '#141b22', '#171c1f', '#23282c'] : ['#9fb0ba', '#7d8c8b', '#5d6858', '#4c5155'];
  const houses = Array.from({ length: 14 }, (_, i) => {
    const w = 60 + rnd() * 70;
    const h = 60 + rnd() * 130;
    const shade = night ? 18 + rnd() * 16 : 105 + rnd() * 70;
    const windows = night && rnd() < 0.7 ? `<rect x="${i * 96 + 20}" y="${HORIZON - h / 2}" width="12" height="16" fill="#d8b56a" opacity=".8"/>` : '';
    return `<rect x="${i * 96 - 20}" y="${HORIZON - h}" width="${w}" height="${h + 30}" fill="rgb(${shade},${shade * 0.97},${shade * 0.9})"/>${windows}`;
  }).join('');
  // Traffic is what changes from picture to picture of one camera.
  const traffic = random(scene.seed + Math.floor(Date.parse(scene.at) / 4000));
  const jam = scene.kind === 'traffic.congestion';
  const count = jam ? 46 : scene.kind === 'flood.street' ? 5 : 9;
  const vehicles = Array.from({ length: count }, () => ({ lane: Math.floor(traffic() * 4), depth: traffic() ** (jam ? 0.9 : 0.7) }))
    .sort((a, b) => b.depth - a.depth)
    .map(({ lane, depth }) => vehicle(traffic, lane, depth, night))
    .join('');
  const box = scene.region;
  const region = box
    ? `<rect x="${box[0] * W}" y="${box[1] * H}" width="${(box[2] - box[0]) * W}" height="${(box[3] - box[1]) * H}" fill="none" stroke="#ffd23f" stroke-width="4"/>`
    : '';
  const shift = (rnd() - 0.5) * 260;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${W} ${H}" width="${W}" height="${H}">
<rect width="${W}" height="${H}" fill="${ground}"/><rect width="${W}" height="${HORIZON}" fill="${sky}"/>
<rect y="${HORIZON - 40}" width="${W}" height="44" fill="${far}"/>${houses}
<g transform="translate(${shift.toFixed(0)} 0)"><path d="M560 ${HORIZON}h160L1400 ${H}H-120z" fill="${road}"/>
<path d="M640 ${HORIZON}v${H - HORIZON}" stroke="#c9b458" stroke-width="7" stroke-dasharray="60 46"/>
<path d="M600 ${HORIZON} 250 ${H}M680 ${HORIZON} 1030 ${H}" stroke="#cfd3d5" stroke-width="4" stroke-dasharray="40 60" opacity=".6"/>
${scene.kind === 'flood.street' ? phenomenon(scene.kind) + vehicles : vehicles + phenomenon(scene.kind)}</g>${region}
<g font-family="monospace" font-size="24" fill="#fff" stroke="#000" stroke-width="4" paint-order="stroke"><text x="24" y="40">${scene.at.replace('T', ' ').slice(0, 19)}Z</text><text x="${W - 24}" y="${H - 24}" text-anchor="end">${scene.name}</text></g></svg>`;
}
