/**
 * `bench.html?model=models/NAME/&of=tfjs:wasm,litert:wasm&threads=1&runs=31`: times the first input of the
 * fixture in each of these, in alternation, so that load spikes affect all of them; for `zoo bench`.
 * `model=models/A/,models/B/&of=tfjs:wasm` times several models in one of them, for `zoo profile`.
 */

import { sentence } from './artifact/failure';
import { median } from './runtime/agreement';
import { RemoteSession } from './runtime/remote';
import type { BackendName } from './runtime/runtime';
import type { SeriesTimes } from './runtime/series';
import { begin, download, survey, type Trial } from './runtime/trial';

interface Measured {
  model: string;
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

async function prepare(row: Measured, threads: number, emulated: boolean): Promise<Trial | null> {
  if (!(await available(row, emulated))) return null;
  try {
    const trial = await begin(row.model, row.runtime, row.backend as BackendName, threads);
    row.load_ms = trial.loadMs;
    row.threads = trial.session.threads;
    return trial;
  } catch (error) {
    row.error = sentence(error);
    return null;
  }
}

async function available(row: Measured, emulated: boolean): Promise<boolean> {
  try {
    const found = await survey(row.backend);
    row.software = found.software;
    row.reason = found.software && !emulated ? EMULATED : found.reason;
    row.available = row.reason === null;
    return row.available;
  } catch (error) {
    row.error = sentence(error);
    return false;
  }
}

/** Times several models in one runtime and backend. */
async function series(rows: readonly Measured[], threads: number, runs: number, emulated: boolean): Promise<void> {
  const [first] = rows as [Measured];
  await available(first, emulated);
  const { available: here, reason, error, software } = first;
  for (const row of rows) Object.assign(row, { available: here, reason, error, software });
  if (!here || error !== null) return;
  const { runtime, backend } = first;
  const remote = new RemoteSession(`${runtime} on ${backend}`, undefined);
  try {
    const downloads = await Promise.all(rows.map((row) => download(row.model, runtime)));
    const networks = downloads.map(({ model, cases }) => ({ model, inputs: cases.each[0]!.inputs }));
    const series = { runtime, backend: backend as BackendName, threads, runs, networks };
    const timed = await remote.ask<SeriesTimes>({ series });
    for (const [index, row] of rows.entries()) {
      row.threads = timed.threads;
      row.times = timed.times[index]!;
      row.ms = median(row.times);
    }
  } catch (error) {
    for (const row of rows) row.error = sentence(error);
  } finally {
    remote.dispose();
  }
}

async function measure(rows: readonly Measured[], threads: number, runs: number, emulated: boolean): Promise<void> {
  const trials = new Map<Measured, Trial>();
  for (const row of rows) {
    const trial = await prepare(row, threads, emulated);
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
const list = (name: string) => (asked.get(name) ?? '').split(',');
const models = list('model');
const rows = models.flatMap((model) =>
  list('of').map((one): Measured => {
    const [runtime = '', backend = 'wasm'] = one.split(':');
    const none = { reason: null, error: null, ms: null, load_ms: null, threads: null };
    return { model, runtime, backend, available: true, software: false, times: [], ...none };
  }),
);
const number = (name: string, otherwise: number) => Number(asked.get(name) ?? otherwise);
const run = models.length > 1 ? series : measure;
await run(rows, number('threads', 1), number('runs', 31), number('software', 1) === 1);
window.zooBench = rows;
const output = document.querySelector('output')!;
output.textContent = JSON.stringify(rows, null, 2);
output.dataset.done = 'bench';
