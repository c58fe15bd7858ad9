/** What part of the console is shown, as the part of the address after `#`: it survives a reload and can be passed on. Pure. */

export const TABS = ['incidents', 'wall', 'closed', 'load'] as const;
export type Tab = (typeof TABS)[number];

export interface Route {
  tab: Tab;
  /** The incident that is open beside the list. */
  incident?: string;
  /** The camera that is open: `SITE.EDGE/camera`. */
  camera?: string;
}

export function parseRoute(hash: string): Route {
  const [first = '', ...rest] = hash.replace(/^#?\/?/, '').split('/').map(safeDecode);
  const tab = (TABS as readonly string[]).includes(first) ? (first as Tab) : 'incidents';
  const target = rest.filter(Boolean);
  if (target.length === 0) return { tab };
  if (tab === 'load') return { tab };
  if (tab === 'wall') return target.length === 2 ? { tab, camera: target.join('/') } : { tab };
  return { tab, incident: target[0]! };
}

export function formatRoute(route: Route): string {
  const target = route.tab === 'wall' ? route.camera?.split('/') : route.incident ? [route.incident] : [];
  return `#/${[route.tab, ...(target ?? [])].map(encodeURIComponent).join('/')}`;
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
