/** The runtimes of the page: a line in runtimes.json, and a file in `runtimes/` that `load.ts` fetches. */

import listed from '../../runtimes.json';
import { Failure } from '../artifact/failure';
import type { BackendName } from './runtime';

export interface Runtime {
  readonly name: string;
  readonly title: string;
  /** The format, which is also the folder of its files in an artifact. */
  readonly reads: string;
  /** The first runs everywhere. */
  readonly backends: readonly BackendName[];
}

export const RUNTIMES = listed as readonly Runtime[];

export function findRuntime(name: string): Runtime {
  const found = RUNTIMES.find((one) => one.name === name);
  if (!found) throw new Failure(`"${name}" is no runtime: ask for one of ${RUNTIMES.map((one) => one.name).join(', ')}.`);
  return found;
}

/** Those whose format is among the files of an artifact. */
export function runtimesFor(files: Readonly<Record<string, unknown>>): readonly Runtime[] {
  const paths = Object.keys(files);
  return RUNTIMES.filter(({ reads }) => paths.some((path) => path.startsWith(`${reads}/`)));
}
