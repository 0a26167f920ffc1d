/**
 * `bench.html?model=models/NAME/&of=tfjs:wasm,litert:wasm&threads=1&runs=31`: times the first input of the
 * fixture in each of these, in alternation, so that load spikes affect all of them; for `zoo bench`.
 */

import { sentence } from './artifact/failure';
import { median } from './runtime/agreement';
import type { BackendName } from './runtime/runtime';
import { begin, survey, type Trial } from './runtime/trial';

interface Measured {
  runtime: string;
  backend: string;
  available: boolean;
  reason: string | null;
  /** Whether the GPU is emulated. */
  software: boolean;
  error: string | null;
  /** Median of `times`, in milliseconds. */
  ms: number | null;
  times: number[];
  load_ms: number | null;
  threads: number | null;
}

declare global {
  interface Window {
    zooBench?: Measured[];
  }
}

const EMULATED = 'no GPU here, and times of an emulated one are meaningless';

/** Untimed runs, which compile shaders and fill caches. */
const WARM_UP = 3;

async function prepare(row: Measured, model: string, threads: number, emulated: boolean): Promise<Trial | null> {
  try {
    const found = await survey(row.backend);
    row.software = found.software;
    row.reason = found.software && !emulated ? EMULATED : found.reason;
    row.available = row.reason === null;
    if (!row.available) return null;
    const trial = await begin(model, row.runtime, row.backend as BackendName, threads);
    row.load_ms = trial.loadMs;
    row.threads = trial.session.threads;
    return trial;
  } catch (error) {
    row.error = sentence(error);
    return null;
  }
}

async function measure(
  rows: readonly Measured[],
  model: string,
  threads: number,
  runs: number,
  emulated: boolean,
): Promise<void> {
  const trials = new Map<Measured, Trial>();
  for (const row of rows) {
    const trial = await prepare(row, model, threads, emulated);
    if (trial) trials.set(row, trial);
  }
  for (let run = 0; run < WARM_UP + runs; run++) {
    for (const [row, { session, cases }] of trials) {
      if (row.error !== null) continue;
      try {
        const { ms } = await session.run(cases.each[0]!.inputs);
        if (run >= WARM_UP) row.times.push(ms);
      } catch (error) {
        row.error = sentence(error);
      }
    }
  }
  for (const row of trials.keys()) if (row.error === null) row.ms = median(row.times);
}

const asked = new URLSearchParams(location.search);
const rows = (asked.get('of') ?? '').split(',').map((one): Measured => {
  const [runtime = '', backend = 'wasm'] = one.split(':');
  const none = { reason: null, error: null, ms: null, load_ms: null, threads: null };
  return { runtime, backend, available: true, software: false, times: [], ...none };
});
const number = (name: string, otherwise: number) => Number(asked.get(name) ?? otherwise);
await measure(rows, asked.get('model') ?? '', number('threads', 1), number('runs', 31), number('software', 1) === 1);
window.zooBench = rows;
const output = document.querySelector('output')!;
output.textContent = JSON.stringify(rows, null, 2);
output.dataset.done = 'bench';
