/** Does a network compute here what its reference computed? Every output, by the limit that the manifest gives. */

import type { AnyManifest } from '../artifact/artifact';
import type { Case, Cases } from '../artifact/cases';
import { isReal, type Answer, type BackendName, type Described, type Session, type Tensor, type Tensors } from './runtime';

/** What graphics processors may change: they fuse, reorder and round operations in their own way. */
const GRAPHICS = 1e-3;

export interface Agreement {
  readonly ok: boolean;
  /** Of the output that is nearest to its limit; as a share of its scale where the manifest's are. */
  readonly difference: number;
  readonly limit: number;
  readonly output: string;
}

/** What is allowed of an output, and the unit in which it is told. */
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

  /** Takes account of what was found for a case. */
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
    return all.reduce((worst, one) => (one.difference / one.limit > worst.difference / worst.limit ? one : worst));
  }
}

/**
 * The processor adds and multiplies as the reference does, and is held to the limit of the hop that wrote the files;
 * `largest` is the output's largest value, null where differences of it count as they are.
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
  const exact = detail?.limit ?? unit * (hop?.limit ?? 1e-5);
  if (!graphics || largest === null) return { limit: exact, unit };
  return { limit: Math.max(exact, GRAPHICS * (relative ? unit : Math.max(1, largest))), unit };
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
