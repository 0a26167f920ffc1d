/** Two networks in the same runtime and backend: their answers to one picture, and their times. */

import type { Artifact } from '../artifact/artifact';
import { Failure } from '../artifact/failure';
import { downloadBytes } from '../artifact/manifest';
import type { Choice } from '../choice/choice';
import { median } from '../runtime/agreement';
import { loadInWorker } from '../runtime/remote';
import { RUNTIMES } from '../runtime/runtimes';
import type { Model, Session } from '../runtime/runtime';

const ROUNDS = 15;

/** A network, and how to get its files in a format. */
export interface Side {
  readonly artifact: Artifact;
  readonly model: (reads: string, signal: AbortSignal) => Promise<Model>;
}

export class Duel {
  private constructor(
    readonly choice: Choice,
    private readonly sides: readonly [Side, Side],
    private readonly sessions: readonly [Session, Session],
  ) {}

  /** Loads both networks, if possible into the runtime and backend of the page; throws a `Failure`. */
  static async open(sides: readonly [Side, Side], now: Choice, signal: AbortSignal): Promise<Duel> {
    const choice = choiceFor(sides, now);
    const sessions: Session[] = [];
    try {
      for (const { model } of sides) {
        sessions.push(await loadInWorker(choice.runtime, await model(choice.runtime.reads, signal), choice.backend, {}, signal));
      }
    } catch (error) {
      sessions.forEach((one) => one.dispose());
      throw error;
    }
    return new Duel(choice, sides, sessions as [Session, Session]);
  }

  /** The probabilities of both for raw pixels. */
  async answers(pixels: Float32Array): Promise<[Float32Array, Float32Array]> {
    const one = async (at: 0 | 1) => {
      const { outputs } = await this.sessions[at].run(this.given(at, pixels), ['probabilities']);
      return outputs.probabilities!.data as Float32Array;
    };
    return [await one(0), await one(1)];
  }

  /** The median time of both, in milliseconds, in alternation. */
  async times(pixels: Float32Array): Promise<[number, number]> {
    const times: [number[], number[]] = [[], []];
    for (let round = 0; round <= ROUNDS; round++) {
      for (const at of [0, 1] as const) {
        const { ms } = await this.sessions[at].run(this.given(at, pixels), ['probabilities']);
        if (round > 0) times[at].push(ms); // the first warms up
      }
    }
    return [median(times[0]), median(times[1])];
  }

  dispose(): void {
    this.sessions.forEach((one) => one.dispose());
  }

  private given(at: 0 | 1, pixels: Float32Array) {
    const { name, height, width, channels } = this.sides[at].artifact.manifest.input;
    return { [name]: { data: pixels, shape: [1, height, width, channels] } };
  }
}

function choiceFor(sides: readonly Side[], now: Choice): Choice {
  const fits = ({ reads }: Choice['runtime']) => sides.every(({ artifact }) => downloadBytes(artifact.manifest, reads) > 0);
  if (fits(now.runtime)) return now;
  const runtime = RUNTIMES.find(fits);
  if (!runtime) {
    const names = sides.map(({ artifact }) => artifact.manifest.name).join(' and ');
    throw new Failure(`${names} have no format in common: export both with --export tfjs.`);
  }
  return { runtime, backend: runtime.backends[0]! };
}
