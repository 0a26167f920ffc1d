/**
 * Times several networks in turn in one worker, for `zoo profile`: they share the compiled code of the runtime, and load
 * spikes affect all of them.
 */

import type { BackendName, Model, Session, Tensors } from './runtime';

export interface Series {
  readonly runtime: string;
  readonly backend: BackendName;
  readonly threads: number;
  readonly runs: number;
  readonly networks: readonly { readonly model: Model; readonly inputs: Tensors }[];
}

/** The latencies of each network in milliseconds, in the order of the runs. */
export interface SeriesTimes {
  readonly threads: number | null;
  readonly times: readonly number[][];
}

/** Turns before the timed ones: the browser compiles what runs often. */
const WARM_UP = 4;
/** Runs of one network in a turn; the first, on caches that hold another network, is not timed. */
const IN_A_TURN = 4;

export async function timeInTurn(
  { runs, networks }: Series,
  load: (model: Model) => Promise<Session>,
): Promise<SeriesTimes> {
  const sessions: Session[] = [];
  for (const { model } of networks) sessions.push(await load(model));
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
