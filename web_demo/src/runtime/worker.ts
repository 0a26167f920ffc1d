/** The worker that runs one network in one runtime; `remote.ts` is its counterpart. */

import { firstLine, load } from './load';
import { findRuntime } from './runtimes';
import type { BackendName, Model, Session, Tensors } from './runtime';
import type { Series } from './series';
import { Failure } from '../artifact/failure';

export interface LoadRequest {
  readonly runtime: string;
  readonly backend: BackendName;
  readonly threads: number | undefined;
  readonly model: Model;
}

/** A request to the worker: one to load, then any number to describe or run; or one that times several networks. */
export type Work =
  | { readonly load: LoadRequest }
  | { readonly describe: true }
  | { readonly inputs: Tensors; readonly wanted: readonly string[] | undefined }
  | { readonly series: Series };

export interface Request {
  readonly id: number;
  readonly work: Work;
}

/** The result of a request, by its id, or the loss of the backend. */
export type Reply =
  | { readonly id: number; readonly done: unknown }
  | { readonly id: number; readonly failed: string }
  | { readonly lost: string };

const send = (reply: Reply) => postMessage(reply);
let session: Session | null = null;
let where = '';

async function answer(work: Work): Promise<unknown> {
  if ('load' in work) {
    const { runtime, backend, threads, model } = work.load;
    const onLost = (lost: string) => send({ lost });
    where = `${findRuntime(runtime).title} on ${backend}`;
    session = await load(findRuntime(runtime), model, backend, { threads, onLost });
    const addresses = performance.getEntriesByType('resource').map(({ name }) => name);
    return { threads: session.threads, openBatch: session.openBatch, addresses };
  }
  if ('describe' in work) return session!.describe();
  if ('series' in work) {
    const { runtime, backend, threads } = work.series;
    where = `${findRuntime(runtime).title} on ${backend}`;
    const { timeInTurn } = await import('./series');
    return timeInTurn(work.series, (model) => load(findRuntime(runtime), model, backend, { threads }));
  }
  return session!.run(work.inputs, work.wanted);
}

function messageFor(error: unknown): string {
  return `${where} failed (${firstLine(error)}): choose another backend, or reload the page.`;
}

addEventListener('message', ({ data }: MessageEvent<Request>) => {
  answer(data.work).then(
    (done) => send({ id: data.id, done }),
    (error: unknown) => send({ id: data.id, failed: error instanceof Failure ? error.message : messageFor(error) }),
  );
});
