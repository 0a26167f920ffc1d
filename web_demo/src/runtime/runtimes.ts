/** The runtimes of the page: a line in runtimes.json, and a file in `runtimes/` that comes when it is chosen. */

import listed from '../../runtimes.json';
import { Failure, messageOf } from '../artifact/failure';
import type { BackendName, Load, Model, Options, Session } from './runtime';

export interface Runtime {
  readonly name: string;
  readonly title: string;
  /** The format, which is also the folder of its files in an artifact. */
  readonly reads: string;
  /** Of which the first runs everywhere. */
  readonly backends: readonly BackendName[];
}

const CODE = import.meta.glob<{ load: Load }>('./runtimes/*.ts');

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

/** Fetches the code of a runtime and loads a network into it; fails with a sentence. */
export async function load(runtime: Runtime, model: Model, backend: BackendName, options: Options = {}): Promise<Session> {
  if (!runtime.backends.includes(backend)) {
    throw new Failure(`${runtime.title} has no backend "${backend}": ask for ${runtime.backends.join(' or ')}.`);
  }
  try {
    const code = await CODE[`./runtimes/${runtime.name}.ts`]!();
    return await code.load(model, backend, options);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(`${runtime.title} did not take the network on ${backend} (${firstLine(error)}).`);
  }
}

/** What a runtime says of an error may be a page long. */
export function firstLine(error: unknown): string {
  return messageOf(error).trim().split('\n')[0]!.replace(/\.?\s*$/, '').slice(0, 300);
}
