/** A session in its own worker: it does not block the page, and runtimes do not share global state. */

import { Failure } from '../artifact/failure';
import type { Answer, BackendName, Model, Options, Session, Signature, Tensors } from './runtime';
import type { Runtime } from './runtimes';
import type { LoadRequest, Reply, Request, Work } from './worker';

/** Loads a network into a runtime in a new worker; throws a `Failure`; `signal` aborts. */
export async function loadInWorker(
  runtime: Runtime,
  model: Model,
  backend: BackendName,
  options: Options = {},
  signal: AbortSignal | null = null,
): Promise<RemoteSession> {
  signal?.throwIfAborted();
  const remote = new RemoteSession(`${runtime.title} on ${backend}`, options.onLost);
  const stop = () => remote.dispose();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    await remote.load({ runtime: runtime.name, model, backend, threads: options.threads });
    return remote;
  } catch (error) {
    remote.dispose();
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Failure) => void;
}

export class RemoteSession implements Session {
  /** What its worker loaded. */
  addresses: readonly string[] = [];
  threads: number | null = null;
  openBatch = false;
  private readonly worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  private readonly waiting = new Map<number, Waiting>();
  private last = 0;
  private loaded = false;
  private ended: Failure | null = null;

  constructor(
    name: string,
    private readonly onLost: ((sentence: string) => void) | undefined,
  ) {
    this.worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => {
      if ('lost' in data) {
        this.lose(data.lost);
        return;
      }
      const one = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if ('failed' in data) one?.reject(new Failure(data.failed));
      else one?.resolve(data.done as never);
    });
    // Errors outside of requests, such as a failed script download or exhausted memory.
    this.worker.addEventListener('error', (event) => {
      event.preventDefault();
      const why = `${name} crashed (${event.message || 'its worker did not start'})`;
      if (this.loaded) this.lose(why);
      else this.end(new Failure(`${why}.`));
    });
  }

  async load(load: LoadRequest): Promise<void> {
    const loaded = await this.ask<Pick<RemoteSession, 'threads' | 'openBatch' | 'addresses'>>({ load });
    this.threads = loaded.threads;
    this.openBatch = loaded.openBatch;
    this.addresses = loaded.addresses;
    this.loaded = true;
  }

  run(inputs: Tensors, wanted?: readonly string[]): Promise<Answer> {
    return this.ask<Answer>({ inputs, wanted });
  }

  describe(): Promise<Signature> {
    return this.ask<Signature>({ describe: true });
  }

  /** Terminates the worker, which frees the memory of the runtime. */
  dispose(): void {
    this.end(new Failure('The network was unloaded.'));
    this.worker.terminate();
  }

  /** Sends a request to the worker, and resolves with its result. */
  ask<T>(work: Work): Promise<T> {
    if (this.ended) return Promise.reject(this.ended);
    const id = ++this.last;
    return new Promise<T>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, work } satisfies Request);
    });
  }

  /** Ends the session by itself; the page hears of it even if nothing waits for an answer. */
  private lose(why: string): void {
    if (this.ended) return;
    this.end(new Failure(`${why}.`));
    this.onLost?.(why);
  }

  private end(why: Failure): void {
    this.ended ??= why;
    for (const { reject } of this.waiting.values()) reject(why);
    this.waiting.clear();
  }
}
