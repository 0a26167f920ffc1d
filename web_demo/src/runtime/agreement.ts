/** Does a network compute here what its reference computed? Every output, by the limit that the manifest gives. */

import type { AnyManifest } from '../artifact/artifact';
import type { Case, Cases } from '../artifact/cases';
import { isReal, type Answer, type BackendName, type Described, type Session, type Tensor, type Tensors } from './runtime';

/** What graphics processors may change: they fuse, reorder and round operations in their own way. */
const GRAPHICS = 1e-3;

export interface Agreement {
  readonly ok: boolean;
  /** As a share of the largest value of its output where the manifest's limits are shares. */
  readonly difference: number;
  readonly limit: number;
  /** The limit of the backend's arithmetic alone, which rounded weights may exceed. */
  readonly strict: number;
  /** Differences are shares of the largest value of their output. */
  readonly relative: boolean;
  /** The output that is farthest off. */
  readonly output: string;
}

export class Judge {
  private readonly scales: ReadonlyMap<string, number>;
  private readonly relative: boolean;
  private readonly strict: number;
  private readonly limit: number;
  private worst = { output: '', difference: 0 };

  constructor(
    manifest: AnyManifest,
    { together: { expected } }: Cases,
    gives: readonly Described[],
    reads: string,
    backend: BackendName,
  ) {
    const relative = (this.relative = manifest.parity.some((one) => one.relative));
    const graphics = backend === 'webgl' || backend === 'webgpu';
    const real = gives.filter(({ name, dtype }) => name in expected && isReal(dtype)).map(({ name }) => name);
    const largest = new Map(real.map((name) => [name, largestOf(expected[name]!)]));
    this.scales = new Map(real.map((name) => [name, relative ? Math.max(largest.get(name)!, 1e-30) : 1]));
    const limits = manifest.parity.map(({ limit }) => limit);
    const exact = limits.length > 0 ? Math.min(...limits) : 1e-5;
    this.strict = graphics ? GRAPHICS * (relative ? 1 : Math.max(1, ...largest.values())) : exact;
    // Rounded weights may change more than arithmetic does.
    this.limit = Math.max(this.strict, manifest.parity.find(({ hop }) => hop === reads)?.limit ?? 0);
  }

  /** Takes account of what was found for a case. */
  see({ expected }: Case, { outputs }: Answer): void {
    for (const [name, wanted] of Object.entries(expected)) {
      const difference = differenceOf(outputs[name], wanted) / (this.scales.get(name) ?? 1);
      if (difference > this.worst.difference || this.worst.output === '') this.worst = { output: name, difference };
    }
  }

  verdict(): Agreement {
    const { output, difference } = this.worst;
    const { limit, strict, relative } = this;
    return { ok: difference <= limit, difference, limit, strict, relative, output };
  }
}

/** Runs the cases one by one, and together where that can be; the times are those of one each. */
export async function runCases(session: Session, cases: Cases, judge: Judge): Promise<number[]> {
  const wanted = Object.keys(cases.together.expected);
  const times: number[] = [];
  for (const one of cases.each) {
    const answer = await session.run(one.inputs, wanted);
    judge.see(one, answer);
    times.push(answer.ms);
  }
  if (session.openBatch && cases.each.length > 1) {
    judge.see(cases.together, await session.run(cases.together.inputs, wanted));
  }
  return times;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function largestOf({ data }: Tensor): number {
  let most = 0;
  for (const value of data) most = Math.max(most, Math.abs(value));
  return most;
}

function differenceOf(found: Tensors[string] | undefined, wanted: Tensor): number {
  if (!found || String(found.shape) !== String(wanted.shape)) return Infinity;
  let most = 0;
  wanted.data.forEach((value, i) => {
    const difference = Math.abs(value - found.data[i]!);
    // NaN compares as false with everything, so it has to be asked for.
    if (!(difference <= most)) most = Number.isNaN(difference) ? Infinity : difference;
  });
  return most;
}
