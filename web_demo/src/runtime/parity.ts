/** Does the network compute here what it computed in PyTorch, and how fast? */

import type { AnyManifest } from '../artifact/artifact';
import type { Backend } from './backends';
import type { Fixture } from '../artifact/download';

/** What runs inputs laid out as in a fixture. */
export interface Runnable {
  run(input: Float32Array): Promise<{ logits: Float32Array; ms: number }>;
}

export interface Parity {
  readonly maxDifference: number;
  /** What this backend's arithmetic may change. */
  readonly strict: number;
  /** That, or what rounding the weights may change. */
  readonly limit: number;
  readonly ok: boolean;
  readonly images: number;
  /** Of the weights. */
  readonly precision: string;
}

export interface Timing {
  /** The first run, which compiles shaders and fills caches. */
  readonly warmUp: number;
  /** Median of the runs after it, one image each. */
  readonly steady: number;
  readonly runs: number;
}

const MOST_RUNS = 30;
const ENOUGH_MS = 1500;

/** Runs the fixture image by image, and again while there is time, for the median, or until `signal`. */
export async function checkParity(
  network: Runnable,
  manifest: AnyManifest,
  fixture: Fixture,
  backend: Backend,
  signal: AbortSignal | null = null,
): Promise<{ parity: Parity; timing: Timing }> {
  const times: number[] = [];
  const differences: number[] = [];
  const start = performance.now();
  for (let run = 0; run < Math.max(MOST_RUNS, fixture.images.length); run++) {
    const image = run % fixture.images.length;
    const answer = await network.run(fixture.images[image]!);
    await new Promise((resolve) => setTimeout(resolve)); // for clicks, which come between two runs
    signal?.throwIfAborted();
    times.push(answer.ms);
    differences.push(maxDifference(answer.logits, fixture.logits[image]!));
    if (run + 1 >= Math.max(2, fixture.images.length) && performance.now() - start > ENOUGH_MS) break;
  }
  const [warmUp, ...steady] = times as [number, ...number[]];
  const parity = verdict(Math.max(...differences), manifest, fixture, backend);
  return { parity, timing: { warmUp, steady: median(steady), runs: steady.length } };
}

export function verdict(difference: number, manifest: AnyManifest, fixture: Fixture, backend: Backend): Parity {
  const strict = strictLimit(manifest, fixture, backend);
  const limit = Math.max(strict, manifest.parity.find(({ hop }) => hop === 'tfjs')?.limit ?? 0);
  return {
    maxDifference: difference,
    strict,
    limit,
    ok: difference <= limit,
    images: fixture.images.length,
    precision: manifest.precision ?? 'float32',
  };
}

export function maxDifference(a: Float32Array, b: Float32Array): number {
  let most = a.length === b.length ? 0 : Infinity;
  a.forEach((value, i) => {
    const difference = Math.abs(value - b[i]!);
    // NaN compares as false with everything, so it has to be asked for.
    if (!(difference <= most)) most = Number.isNaN(difference) ? Infinity : difference;
  });
  return most;
}

/**
 * The processor adds and multiplies as PyTorch does, and is held to the limit of the hops in float32,
 * the smallest. Graphics processors may fuse, reorder and round operations in their own way, so there
 * the limit is a thousandth of the largest logit: far too little to change an answer.
 */
function strictLimit(manifest: AnyManifest, fixture: Fixture, backend: Backend): number {
  if (backend === 'cpu' || backend === 'wasm') {
    return manifest.parity.length > 0 ? Math.min(...manifest.parity.map(({ limit }) => limit)) : 1e-5;
  }
  const largest = fixture.logits.reduce((most, logits) => logits.reduce((m, v) => Math.max(m, Math.abs(v)), most), 1);
  return 1e-3 * largest;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
