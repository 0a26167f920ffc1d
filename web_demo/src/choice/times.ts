/** Times of one run measured on this device, by the content of a network, the runtime and the backend. */

import type { Entry } from '../artifact/artifact';
import { keyOf, type Choice } from './choice';

const PLACE = 'genotype-zoo:times';

/** In milliseconds. */
const times = new Map<string, number>(stored());

/** Keeps a time, for later visits too. */
export function keepTime(entry: Entry, choice: Choice, ms: number): void {
  times.set(nameOf(entry, choice), Number(ms.toPrecision(4)));
  try {
    localStorage.setItem(PLACE, JSON.stringify([...times]));
  } catch {
    // Storage is blocked or full: the time is kept until the page is closed.
  }
}

export function timeOf(entry: Entry, choice: Choice): number | null {
  return times.get(nameOf(entry, choice)) ?? null;
}

function nameOf({ sha256, path }: Entry, choice: Choice): string {
  return `${sha256 ?? path} ${keyOf(choice)}`;
}

function stored(): [string, number][] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(PLACE) ?? '[]');
    return Array.isArray(found) ? found.filter((one) => Array.isArray(one) && Number.isFinite(one[1])) : [];
  } catch {
    return [];
  }
}
