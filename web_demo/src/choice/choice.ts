/** The runtimes and backends that can run a network, and the chosen one. */

import { bestBackend, type Availability, type Backend } from '../runtime/backends';
import { RUNTIMES, runtimesFor, type Runtime } from '../runtime/runtimes';

export interface Choice {
  readonly runtime: Runtime;
  readonly backend: Backend;
}

/** A runtime for one of the formats of an artifact, with its backends, best first. */
export interface Offer {
  readonly runtime: Runtime;
  readonly backends: readonly Availability[];
}

/** The names of a runtime and backend; null for the default. */
export interface Wish {
  readonly runtime: string | null;
  readonly backend: string | null;
}

export const keyOf = ({ runtime, backend }: Choice): string => `${runtime.name}:${backend}`;

/**
 * The runtimes for the `files` of an artifact, or the first runtime while `files` is null.
 * `gone` has the reasons why choices are no longer available, by key.
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

/** The wish if it is available, else the best choice. */
export function choose(offers: readonly Offer[], wish: Wish): Choice {
  const named = offers.find(({ runtime }) => runtime.name === wish.runtime);
  const { runtime, backends } = (named && isOpen(named) ? named : offers.find(isOpen)) ?? offers[0]!;
  const asked = backends.find(({ backend, reason }) => backend === wish.backend && reason === null);
  return { runtime, backend: asked?.backend ?? bestBackend(backends) };
}
