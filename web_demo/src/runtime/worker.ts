/** A worker with one runtime and one network in it; `remote.ts` speaks to it. */

import { firstLine, findRuntime, load } from './runtimes';
import type { BackendName, Model, Session, Tensors } from './runtime';
import { Failure } from '../artifact/failure';

export interface LoadRequest {
  readonly runtime: string;
  readonly backend: BackendName;
  readonly threads: number | undefined;
  readonly model: Model;
}

/** What is asked of a worker: first to load, then to run. */
export type Work = { readonly load: LoadRequest } | { readonly inputs: Tensors; readonly wanted: readonly string[] | undefined };

export interface Request {
  readonly id: number;
  readonly work: Work;
}

/** An answer to a request, by its number, or news that nobody asked for. */
export type Reply =
  | { readonly id: number; readonly done: unknown }
  | { readonly id: number; readonly failed: string }
  | { readonly lost: string };

const send = (reply: Reply) => postMessage(reply);
let session: Session | null = null;

async function answer(work: Work): Promise<unknown> {
  if ('load' in work) {
    const { runtime, backend, threads, model } = work.load;
    const onLost = (lost: string) => send({ lost });
    session = await load(findRuntime(runtime), model, backend, { threads, onLost });
    return { threads: session.threads, openBatch: session.openBatch };
  }
  return session!.run(work.inputs, work.wanted);
}

addEventListener('message', ({ data }: MessageEvent<Request>) => {
  answer(data.work).then(
    (done) => send({ id: data.id, done }),
    (error: unknown) => send({ id: data.id, failed: error instanceof Failure ? error.message : firstLine(error) }),
  );
});
