/** The runtimes of the page: each has an entry in runtimes.json and a file in `runtimes/`. */

import listed from '../../runtimes.json';
import { Failure } from '../artifact/failure';
import type { BackendName } from './runtime';

export interface Runtime {
  readonly name: string;
  readonly title: string;
  /** The format, which is also its folder in an artifact. */
  readonly reads: string;
  /** The first one runs in every browser. */
  readonly backends: readonly BackendName[];
}

export const RUNTIMES = listed as readonly Runtime[];

export function findRuntime(name: string): Runtime {
  const found = RUNTIMES.find((one) => one.name === name);
  if (!found) throw new Failure(`Unknown runtime "${name}": choose ${RUNTIMES.map((one) => one.name).join(', ')}.`);
  return found;
}

/** The runtimes whose format is among the files of an artifact. */
export function runtimesFor(files: Readonly<Record<string, unknown>>): readonly Runtime[] {
  const paths = Object.keys(files);
  return RUNTIMES.filter(({ reads }) => paths.some((path) => path.startsWith(`${reads}/`)));
}
