/** The code of a runtime, fetched when it is chosen; only a worker imports this, so the page itself holds none. */

import { Failure, messageOf } from '../artifact/failure';
import type { BackendName, Load, Model, Options, Session } from './runtime';
import type { Runtime } from './runtimes';

const CODE = import.meta.glob<{ load: Load }>('./runtimes/*.ts');

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
