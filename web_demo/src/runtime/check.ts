/** Runs the fixture of an artifact: agreement with the reference, and time per run. */

import type { AnyManifest } from '../artifact/manifest';
import type { Cases } from '../artifact/cases';
import { Judge, median, type Agreement } from './agreement';
import type { BackendName, Described, Session } from './runtime';

export interface Timing {
  /** Milliseconds of the first run, which compiles shaders and fills caches. */
  readonly first: number;
  /** Median of the later runs, one case each. */
  readonly steady: number;
  readonly runs: number;
}

export interface Checked {
  readonly agreement: Agreement;
  readonly timing: Timing;
  readonly cases: number;
}

/** The fixture of an artifact. */
export interface Reference {
  readonly manifest: AnyManifest;
  readonly cases: Cases;
  /** The outputs in the fixture. */
  readonly proven: readonly Described[];
}

const MOST_RUNS = 30;
const ENOUGH_MS = 1500;

/** Runs every case once, and repeats them for the median, for at most `ENOUGH_MS`; `signal` aborts. */
export async function check(
  session: Session,
  { manifest, cases, proven }: Reference,
  reads: string,
  backend: BackendName,
  signal: AbortSignal | null = null,
): Promise<Checked> {
  const judge = new Judge(manifest, cases, proven, reads, backend);
  const wanted = Object.keys(cases.together.expected);
  const { each } = cases;
  const times: number[] = [];
  const start = performance.now();
  for (let run = 0; run < Math.max(MOST_RUNS, each.length); run++) {
    const one = each[run % each.length]!;
    const answer = await session.run(one.inputs, wanted);
    signal?.throwIfAborted();
    judge.see(one, answer);
    times.push(answer.ms);
    if (run + 1 >= Math.max(2, each.length) && performance.now() - start > ENOUGH_MS) break;
  }
  const [first, ...steady] = times as [number, ...number[]];
  const timing = { first, steady: median(steady), runs: steady.length };
  return { agreement: judge.verdict(), timing, cases: each.length };
}
