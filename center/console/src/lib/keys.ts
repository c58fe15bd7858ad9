/** Which key means what. Pure; shown by the help. */

export const KEYS: readonly { keys: readonly string[]; command: string }[] = [
  { keys: ['j', 'ArrowDown'], command: 'next' },
  { keys: ['k', 'ArrowUp'], command: 'previous' },
  { keys: ['Enter'], command: 'open' },
  { keys: ['a'], command: 'acknowledge' },
  { keys: ['d'], command: 'dispatch' },
  { keys: ['c'], command: 'close' },
  { keys: ['n'], command: 'note' },
  { keys: ['Escape'], command: 'leave' },
  { keys: ['/'], command: 'search' },
  { keys: ['1'], command: 'tab-0' },
  { keys: ['2'], command: 'tab-1' },
  { keys: ['3'], command: 'tab-2' },
  { keys: ['4'], command: 'tab-3' },
  { keys: ['r'], command: 'report' },
  { keys: ['m'], command: 'sound' },
  { keys: ['?'], command: 'help' },
];

/** What a key pressed means to the console as a whole; nothing while it means something to what has the focus. */
export function commandOf(event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'target' | 'defaultPrevented'>): string | undefined {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return undefined;
  const at = event.target as Partial<HTMLElement> | null;
  const tag = at?.tagName ?? '';
  if (['INPUT', 'TEXTAREA', 'SELECT', 'VIDEO'].includes(tag) || at?.isContentEditable) return undefined;
  // The map moves by arrows and a button presses by Enter.
  if (event.key.startsWith('Arrow') && tag === 'CANVAS') return undefined;
  // The row that is selected already has nothing left to press.
  if (event.key === 'Enter' && ['BUTTON', 'A', 'SUMMARY'].includes(tag) && at?.getAttribute?.('aria-current') !== 'true') return undefined;
  return KEYS.find(({ keys }) => keys.includes(event.key))?.command;
}
