/** The graph of `zoo build --inspect`: the maps inside every cell, with any edges ablated. */

import type { Artifact } from '../artifact/artifact';
import { Failure } from '../artifact/failure';
import { downloadFiles, rebuild, type Progress } from '../artifact/files';
import { isRecord, isText } from '../artifact/manifest';
import { loadInWorker } from '../runtime/remote';
import { findRuntime } from '../runtime/runtimes';
import type { Session, Tensor, Tensors } from '../runtime/runtime';

const FOLDER = 'inspect';

export const hasInside = ({ manifest }: Artifact): boolean => `${FOLDER}/model.json` in manifest.files;

/** The output with the map of a node or edge of a cell, counted from 0. */
export const outputOf = (cell: number, kind: 'node' | 'edge', number: number): string => `cell${cell}_${kind}${number}`;

/** Whether an edge is kept, by cell and number. */
export type Keeps = (cell: number, edge: number) => boolean;

/** The edge of another cell that a motif is: the number of that cell, and of the edge. */
export type Within = readonly [cell: number, edge: number];

interface Facts {
  /** The kind of each cell of the network; motifs follow the cell they are in. */
  readonly cells: readonly string[];
  /** For each cell the edge that it is, if it is a motif. */
  readonly within: readonly (Within | null)[];
  /** Columns of `keep` per cell. */
  readonly edges: number;
  readonly outputs: ReadonlySet<string>;
}

export class Inside {
  private constructor(
    private readonly session: Session,
    private readonly artifact: Artifact,
    private readonly facts: Facts,
  ) {}

  get cells(): readonly string[] {
    return this.facts.cells;
  }

  get within(): readonly (Within | null)[] {
    return this.facts.within;
  }

  /** Whether the network computes what an output shows; it leaves out edges without effect. */
  has(output: string): boolean {
    return this.facts.outputs.has(output);
  }

  /** Downloads and loads the graph; throws a `Failure`. */
  static async open(artifact: Artifact, onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<Inside> {
    const files = await downloadFiles(artifact, FOLDER, onProgress, signal);
    const facts = describe(files.get(`${FOLDER}/model.json`), artifact);
    const { cells, edges, outputs } = facts;
    const { name, height, width, channels } = artifact.manifest.input;
    const takes = [
      { name, dtype: 'float32', shape: [null, height, width, channels] },
      { name: 'keep', dtype: 'float32', shape: [null, cells.length * edges] },
    ];
    const gives = [...outputs].map((one) => ({ name: one, dtype: 'float32', shape: [] }));
    const asTfjs = new Map([...files].map(([path, bytes]) => [path.replace(FOLDER, 'tfjs'), bytes]));
    const model = { name: artifact.manifest.name, files: asTfjs, takes, gives };
    // WebAssembly runs everywhere, and one picture at a time is fast enough on it.
    const session = await loadInWorker(findRuntime('tfjs'), model, 'wasm', {}, signal);
    return new Inside(session, artifact, facts);
  }

  /** The `wanted` outputs for raw pixels (height, width, channels). */
  async run(pixels: Float32Array, keeps: Keeps, wanted: readonly string[]): Promise<Tensors> {
    const { name, height, width, channels } = this.artifact.manifest.input;
    const { cells, edges } = this.facts;
    const count = cells.length * edges;
    const keep = Float32Array.from({ length: count }, (_, place) => Number(keeps(Math.floor(place / edges), place % edges)));
    const given = { [name]: { data: pixels, shape: [1, height, width, channels] }, keep: { data: keep, shape: [1, count] } };
    return (await this.session.run(given, wanted)).outputs;
  }

  dispose(): void {
    this.session.dispose();
  }
}

/** The facts in model.json. */
function describe(file: ArrayBuffer | undefined, artifact: Artifact): Facts {
  try {
    const { userDefinedMetadata, signature } = JSON.parse(new TextDecoder().decode(file)) as Record<string, Record<string, unknown>>;
    const zoo = userDefinedMetadata!.zoo;
    const { cells, edges, within } = isRecord(zoo) ? zoo : {};
    const { outputs } = signature!;
    if (Array.isArray(cells) && cells.every(isText) && Number.isSafeInteger(edges) && isRecord(outputs)) {
      // Graphs of earlier versions have no motifs.
      const edgeOf = (cell: number) => (Array.isArray(within) && isWithin(within[cell], cell) ? within[cell] : null);
      return { cells, within: cells.map((_, cell) => edgeOf(cell)), edges: edges as number, outputs: new Set(Object.keys(outputs)) };
    }
  } catch {
    // as with wrong facts
  }
  throw new Failure(`${FOLDER}/model.json of ${artifact.manifest.name} is not a graph of --inspect: ${rebuild(artifact)} --inspect.`);
}

const isWithin = (value: unknown, cell: number): value is Within =>
  Array.isArray(value) && value.length === 2 && value.every((one) => Number.isSafeInteger(one) && one >= 0) && value[0] < cell;

/** The channels of a map (1, height, width, channels), each (height, width). */
export function channelsOf({ data, shape }: Tensor): Float32Array[] {
  const [, , , count = 1] = shape;
  return Array.from({ length: count }, (_, channel) =>
    Float32Array.from({ length: data.length / count }, (_, pixel) => data[pixel * count + channel]!),
  );
}
