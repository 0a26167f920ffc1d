/** What the room shows of an artifact, and the maps of each part. */

import type { AnyArtifact } from '../artifact/artifact';
import type { Drawing, Edge, Part } from '../cell/drawing';
import { outputOf, type Inside } from './graph';
import { meanPicture } from './maps';
import type { Removed } from './removed';

export interface View {
  readonly artifact: AnyArtifact;
  readonly drawing: Drawing;
  /** The graph with the maps; null without --inspect. */
  readonly inside: Inside | null;
  /** The kinds of the cells of the network, or without the graph of the drawing. */
  readonly cells: readonly string[];
  readonly removed: Removed;
}

export function genotypeKind({ artifact, drawing }: View): string {
  if (drawing.cells.includes('recurrent')) return 'recurrent';
  if (drawing.cells.includes('normal')) return 'conv';
  return artifact.manifest.network.kind === 'nasbench201' ? 'nasbench201' : 'hierarchical';
}

/** In a reduction cell, edges from an input have stride 2. */
export const isStrided = ({ cell, source }: Edge): boolean => cell === 'reduce' && source.startsWith('c_');

/** Whether two parts have the same place in cells that may be of different kinds. */
export const sameIn = (one: Part, other: Part): boolean =>
  one.kind === 'edge' ? other.kind === 'edge' && one.number === other.number : other.kind === 'node' && one.name === other.name;

/** Whether the network computes a part of a cell; without the graph, only `none` edges are known to be left out. */
export function isComputed({ inside }: View, cell: number, part: Part): boolean {
  return inside ? inside.has(mapOf(cell, part)) : part.kind === 'node' || part.operation !== 'none';
}

/** The maps of a part in a cell of the network: a title and the output for each. */
export function sheetsOf(view: View, cell: number, part: Part): [string, string][] {
  const sheets: [string, string][] =
    part.kind === 'node'
      ? [['Its map', mapOf(cell, part)]]
      : [
          ['Before', outputOf(cell, 'node', numberOf(part.source))],
          ['After', mapOf(cell, part)],
        ];
  return sheets.filter(([, output]) => view.inside?.has(output));
}

/** The mean map of every part of a cell; none without the graph or pixels. */
export async function picturesOf(view: View, cell: number, pixels: Float32Array | null): Promise<Map<Part, HTMLCanvasElement>> {
  const { inside, drawing, cells, removed } = view;
  if (!inside || !pixels) return new Map();
  const kind = cells[cell]!;
  const parts = drawing.parts.filter((part) => part.cell === kind && isComputed(view, cell, part));
  const outputs = parts.map((part) => mapOf(cell, part));
  const found = await inside.run(pixels, (of, edge) => !removed.has(of, edge), outputs);
  return new Map(parts.map((part, i) => [part, meanPicture(found[outputs[i]!]!)]));
}

/** The edge that a cell of the network is, if it is a motif, and the number of the cell with that edge. */
export function outOf({ inside, drawing, cells }: View, cell: number): { cell: number; edge: Edge } | null {
  const [outer, number] = inside?.within[cell] ?? [];
  const edge = outer === undefined ? undefined : drawing.edges(cells[outer]!).find((one) => one.number === number);
  return edge ? { cell: outer!, edge } : null;
}

/** The number of the motif that a part of a cell is, or -1. */
export function into({ inside }: View, cell: number, part: Part): number {
  return inside && part.kind === 'edge' ? inside.within.findIndex((one) => one?.[0] === cell && one[1] === part.number) : -1;
}

/** The cell after another: of motifs the next one, otherwise the next that is no motif; -1 after the last. */
export function after({ inside, cells }: View, cell: number): number {
  const isMotif = (one: number) => Boolean(inside?.within[one]);
  return cells.findIndex((_, next) => next > cell && (isMotif(cell) || !isMotif(next)));
}

const mapOf = (cell: number, part: Part): string =>
  part.kind === 'edge' ? outputOf(cell, 'edge', part.number) : outputOf(cell, 'node', numberOf(part.name));

/** The number of a node in the genotype. */
const numberOf = (node: string): number => ({ 'c_k-2': 0, 'c_k-1': 1 })[node] ?? Number(node);
