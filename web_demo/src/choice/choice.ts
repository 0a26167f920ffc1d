/** Which runtime runs the network, on which backend: what there is to choose from, and what is chosen. */

import { bestBackend, type Availability, type Backend } from '../runtime/backends';
import { RUNTIMES, runtimesFor, type Runtime } from '../runtime/runtimes';

export interface Choice {
  readonly runtime: Runtime;
  readonly backend: Backend;
}

/** A runtime that reads one of an artifact's formats, with its backends, best first. */
export interface Offer {
  readonly runtime: Runtime;
  readonly backends: readonly Availability[];
}

/** By name; what is null is left to the page. */
export interface Wish {
  readonly runtime: string | null;
  readonly backend: string | null;
}

export const keyOf = ({ runtime, backend }: Choice): string => `${runtime.name}:${backend}`;

/**
 * The runtimes for the `files` of an artifact; before one is known, the first of the list.
 * `gone` says why a choice is no longer there, by its key.
 */
export function offersFor(
  files: Readonly<Record<string, unknown>> | null,
  survey: readonly Availability[],
  gone: ReadonlyMap<string, string>,
): Offer[] {
  const runtimes = files ? runtimesFor(files) : RUNTIMES.slice(0, 1);
  return runtimes.map((runtime) => ({
    runtime,
    backends: survey
      .filter(({ backend }) => runtime.backends.includes(backend))
      .map((one) => ({ ...one, reason: one.reason ?? gone.get(keyOf({ runtime, backend: one.backend })) ?? null })),
  }));
}

export const isOpen = ({ backends }: Offer): boolean => backends.some(({ reason }) => reason === null);

/** The wish where it can be met, and what is best where it cannot. */
export function choose(offers: readonly Offer[], wish: Wish): Choice {
  const named = offers.find(({ runtime }) => runtime.name === wish.runtime);
  const { runtime, backends } = (named && isOpen(named) ? named : offers.find(isOpen)) ?? offers[0]!;
  const asked = backends.find(({ backend, reason }) => backend === wish.backend && reason === null);
  return { runtime, backend: asked?.backend ?? bestBackend(backends) };
}

/** What the address asks for. */
export function readWish(address: URL): Wish {
  return { runtime: address.searchParams.get('runtime'), backend: address.searchParams.get('backend') };
}

/** The address of the page with what is chosen in it, to be kept or sent to somebody. */
export function remember(changes: Readonly<Record<string, string>>): void {
  const address = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) address.searchParams.set(name, value);
  history.replaceState(null, '', address);
}
