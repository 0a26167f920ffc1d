/** Imports the code of a runtime when it is chosen; used only in workers, so that the page stays small. */

import { Failure, messageOf } from '../artifact/failure';
import type { BackendName, Load, Model, Options, Session } from './runtime';
import type { Runtime } from './runtimes';

const CODE = import.meta.glob<{ load: Load }>('./runtimes/*.ts');

/** Imports a runtime and loads a network into it; throws a `Failure`. */
export async function load(runtime: Runtime, model: Model, backend: BackendName, options: Options = {}): Promise<Session> {
  if (!runtime.backends.includes(backend)) {
    throw new Failure(`${runtime.title} has no backend "${backend}": choose ${runtime.backends.join(' or ')}.`);
  }
  try {
    const code = await CODE[`./runtimes/${runtime.name}.ts`]!();
    return await code.load(model, backend, options);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(`${runtime.title} could not load the network on ${backend} (${firstLine(error)}).`);
  }
}

/** The first line of an error, without its period; runtimes may append a page of details. */
export function firstLine(error: unknown): string {
  return messageOf(error).trim().split('\n')[0]!.replace(/\.?\s*$/, '').slice(0, 300);
}
