/** What the page shows, in the query of its address, which can be bookmarked and shared. */

import type { Wish } from '../choice/choice';

/** Null for the default. */
export interface Address extends Wish {
  readonly model: string | null;
  /** The chosen sample: its number, or the name of a picture. */
  readonly sample: string | null;
  /** The epoch that the report of the search shows. */
  readonly epoch: string | null;
  /** The ids of the open panels. */
  readonly panels: readonly string[];
}

export function readAddress(): Address {
  const query = new URLSearchParams(location.search);
  const [model = null, runtime = null, backend = null, sample = null, epoch = null] = ['model', 'runtime', 'backend', 'sample', 'epoch'].map(
    (name) => query.get(name),
  );
  return { model, runtime, backend, sample, epoch, panels: query.get('panel')?.split(',') ?? [] };
}

/**
 * Stores changes in the query; null drops a part. A choice of the visitor is a `step`, to which the browser can go back.
 */
export function remember(changes: Readonly<Record<string, string | null>>, step = false): void {
  const address = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) address.searchParams.delete(name);
    else address.searchParams.set(name, value);
  }
  address.search = address.search.replaceAll('%2C', ','); // the panels
  // Browsers limit how often the address may change, and strokes of the pen come fast.
  if (address.href === location.href) return;
  if (step) history.pushState(null, '', address);
  else history.replaceState(null, '', address);
}
