/** Several networks, runtimes and backends run one input in alternation, so that load spikes affect all of them. */

import type { AnyArtifact } from '../artifact/artifact';
import { sentence } from '../artifact/failure';
import type { Choice, Offer } from '../choice/choice';
import { median, runCases, Judge, type Agreement } from '../runtime/agreement';
import type { Reference } from '../runtime/check';
import { loadInWorker } from '../runtime/remote';
import type { Model, Session, Tensors } from '../runtime/runtime';

export const ROUNDS = 31;

export type State = 'waiting' | 'loading' | 'running' | 'done' | 'failed' | 'stopped';

/** A network, its fixture, the runtimes and backends that can run it, and its files in a format. */
export interface Entrant {
  readonly artifact: AnyArtifact;
  readonly reference: Reference;
  readonly offers: readonly Offer[];
  readonly model: (reads: string, signal: AbortSignal) => Promise<Model>;
}

/** A network in one runtime and backend. */
export interface Lane {
  readonly entrant: Entrant;
  readonly choice: Choice;
  state: State;
  /** Time to load the files from memory and finish the first run, in milliseconds. */
  startMs: number | null;
  agreement: Agreement | null;
  times: number[];
  error: string | null;
}

export const startOf = (entrant: Entrant, choice: Choice): Lane => ({
  entrant, choice, state: 'waiting', startMs: null, agreement: null, times: [], error: null,
});

export const medianOf = ({ times }: Lane): number | null => (times.length > 0 ? median(times) : null);

/**
 * Loads every lane, checks the fixture in each, then times `ROUNDS` rounds. A lane that fails gets its error, and the
 * others continue; times measured before `signal` are kept.
 */
export async function race(
  lanes: readonly Lane[],
  inputsOf: (entrant: Entrant) => Tensors,
  onChange: (lane: Lane) => void,
  signal: AbortSignal,
): Promise<void> {
  const sessions = new Map<Lane, Session>();
  const change = (lane: Lane, state: State, error: string | null = null) => {
    Object.assign(lane, { state, error });
    onChange(lane);
  };
  /** Runs `work` for a lane, and removes the lane if that fails. */
  const attempt = async (lane: Lane, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      if (signal.aborted) return;
      sessions.get(lane)?.dispose();
      sessions.delete(lane);
      change(lane, 'failed', sentence(error));
    }
  };
  const stop = () => sessions.forEach((session) => session.dispose());
  signal.addEventListener('abort', stop, { once: true });
  try {
    for (const lane of lanes) {
      if (signal.aborted) break;
      change(lane, 'loading');
      await attempt(lane, async () => {
        const { runtime, backend } = lane.choice;
        const model = await lane.entrant.model(runtime.reads, signal);
        const start = performance.now();
        const session = await loadInWorker(runtime, model, backend, {}, signal);
        sessions.set(lane, session);
        await judge(lane, session, performance.now() - start);
        change(lane, 'running');
      });
    }
    for (let round = 0; round < ROUNDS && !signal.aborted; round++) {
      for (const [lane, session] of [...sessions]) {
        await attempt(lane, async () => {
          const { entrant } = lane;
          const { ms } = await session.run(inputsOf(entrant), Object.keys(entrant.reference.cases.together.expected));
          lane.times.push(ms);
          onChange(lane);
        });
      }
    }
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
  for (const lane of lanes) if (lane.state !== 'failed') change(lane, signal.aborted ? 'stopped' : 'done');
}

/** Checks the fixture; `loadMs` is the time that loading took. */
async function judge(lane: Lane, session: Session, loadMs: number): Promise<void> {
  const { manifest, cases, proven } = lane.entrant.reference;
  const { runtime, backend } = lane.choice;
  const found = new Judge(manifest, cases, proven, runtime.reads, backend);
  const [first] = await runCases(session, cases, found);
  lane.startMs = loadMs + first!;
  lane.agreement = found.verdict();
}
