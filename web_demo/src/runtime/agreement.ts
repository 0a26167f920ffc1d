/** Compares the outputs of a network with those of its reference, within the limits of the manifest. */

import type { AnyManifest } from '../artifact/manifest';
import type { Case, Cases } from '../artifact/cases';
import { isReal, type Answer, type BackendName, type Described, type Session, type Tensor, type Tensors } from './runtime';

/** Relative tolerance on GPUs, which fuse, reorder and round operations differently. */
const GRAPHICS = 1e-3;

export interface Agreement {
  readonly ok: boolean;
  /** Of the output nearest to its limit; relative to its scale if the manifest has relative limits. */
  readonly difference: number;
  readonly limit: number;
  readonly output: string;
}

/** The limit of an output, and the unit in which differences are reported. */
interface Allowed {
  readonly limit: number;
  readonly unit: number;
}

export class Judge {
  private readonly allowed: ReadonlyMap<string, Allowed>;
  private readonly found = new Map<string, number>();

  constructor(
    manifest: AnyManifest,
    { together: { expected } }: Cases,
    proven: readonly Described[],
    reads: string,
    backend: BackendName,
  ) {
    const graphics = backend === 'webgl' || backend === 'webgpu';
    this.allowed = new Map(
      proven.map(({ name, dtype }) => {
        const largest = isReal(dtype) ? largestOf(expected[name]!) : null;
        return [name, allowedOf(manifest, name, largest, reads, graphics)];
      }),
    );
  }

  /** Records the differences of one case. */
  see({ expected }: Case, { outputs }: Answer): void {
    for (const [name, wanted] of Object.entries(expected)) {
      this.found.set(name, Math.max(this.found.get(name) ?? 0, differenceOf(outputs[name], wanted)));
    }
  }

  verdict(): Agreement {
    const all = [...this.found].map(([output, difference]) => {
      const { limit, unit } = this.allowed.get(output)!;
      return { ok: difference <= limit, difference: difference / unit, limit: limit / unit, output };
    });
    const wrong = all.filter(({ ok }) => !ok); // shares may be NaN, which compares as false
    return (wrong.length > 0 ? wrong : all).reduce((worst, one) =>
      one.difference / one.limit > worst.difference / worst.limit ? one : worst,
    );
  }
}

/**
 * The limit of an output: on the CPU that of the hop that wrote the files, on GPUs at least `GRAPHICS`. `largest` is the
 * largest absolute value of a real output, null for integers.
 */
function allowedOf(
  { parity }: AnyManifest,
  output: string,
  largest: number | null,
  reads: string,
  graphics: boolean,
): Allowed {
  const hop = parity.find((one) => one.hop === reads);
  const detail = hop?.outputs?.[output];
  const relative = parity.some((one) => one.relative);
  const unit = relative ? Math.max(detail?.scale ?? largest ?? 1, 1e-30) : 1;
  // A network that was taught on the page has no hop; its limit is that of the exports.
  const exact = detail?.limit ?? unit * (hop?.limit ?? (relative ? 1e-5 : 1e-5 * Math.max(1, largest ?? 1)));
  if (!graphics || largest === null) return { limit: exact, unit };
  return { limit: Math.max(exact, GRAPHICS * (relative ? unit : Math.max(1, largest))), unit };
}

/** Runs the cases one by one, and as a batch if possible; returns the times of the single ones in milliseconds. */
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
    // Comparisons with NaN are false.
    if (!(difference <= most)) most = Number.isNaN(difference) ? Infinity : difference;
  });
  return most;
}
