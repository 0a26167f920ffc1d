/**
 * The worker that times several networks in turn in one runtime, for `zoo profile`: they share its compiled code, and
 * load spikes affect all of them.
 */

import { firstLine, load } from './load';
import { findRuntime } from './runtimes';
import type { BackendName, Model, Session, Tensors } from './runtime';
import { Failure } from '../artifact/failure';

export interface Series {
  readonly runtime: string;
  readonly backend: BackendName;
  readonly threads: number;
  readonly runs: number;
  readonly networks: readonly { readonly model: Model; readonly inputs: Tensors }[];
}

/** The latencies of each network in milliseconds, in the order of the runs. */
export type SeriesReply = { readonly threads: number | null; readonly times: number[][] } | { readonly failed: string };

/** Turns before the timed ones: the browser compiles what runs often. */
const WARM_UP = 4;
/** Runs of one network in a turn; the first, on caches that hold another network, is not timed. */
const IN_A_TURN = 4;

async function measure({ runtime, backend, threads, runs, networks }: Series): Promise<SeriesReply> {
  const sessions: Session[] = [];
  for (const { model } of networks) sessions.push(await load(findRuntime(runtime), model, backend, { threads }));
  const times: number[][] = networks.map(() => []);
  for (let turn = -WARM_UP; times[0]!.length < runs; turn++) {
    for (const [index, session] of sessions.entries()) {
      for (let run = 0; run <= IN_A_TURN; run++) {
        const { ms } = await session.run(networks[index]!.inputs);
        if (turn >= 0 && run > 0) times[index]!.push(ms);
      }
    }
  }
  return { threads: sessions[0]!.threads, times };
}

addEventListener('message', ({ data }: MessageEvent<Series>) => {
  measure(data).then(
    (reply) => postMessage(reply),
    (error: unknown) =>
      postMessage({ failed: error instanceof Failure ? error.message : firstLine(error) } satisfies SeriesReply),
  );
});
