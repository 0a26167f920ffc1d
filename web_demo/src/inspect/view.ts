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

/** The maps of a part in a cell of the network: a title and the output for each. */
export function sheetsOf(cell: number, part: Part): [string, string][] {
  if (part.kind === 'node') return [['Its map', mapOf(cell, part)]];
  const before: [string, string] = ['Before', outputOf(cell, 'node', numberOf(part.source))];
  return part.operation === 'none' ? [before] : [before, ['After', mapOf(cell, part)]];
}

/** The mean map of every part of a cell; none without the graph or pixels. */
export async function picturesOf(
  { inside, drawing, cells, removed }: View,
  cell: number,
  pixels: Float32Array | null,
): Promise<Map<Part, HTMLCanvasElement>> {
  if (!inside || !pixels) return new Map();
  const kind = cells[cell]!;
  const parts = drawing.parts.filter((part) => part.cell === kind && !(part.kind === 'edge' && part.operation === 'none'));
  const outputs = parts.map((part) => mapOf(cell, part));
  const found = await inside.run(pixels, (of, edge) => !removed.has(of, edge), outputs);
  return new Map(parts.map((part, i) => [part, meanPicture(found[outputs[i]!]!)]));
}

const mapOf = (cell: number, part: Part): string =>
  part.kind === 'edge' ? outputOf(cell, 'edge', part.number) : outputOf(cell, 'node', numberOf(part.name));

/** The number of a node in the genotype. */
const numberOf = (node: string): number => ({ 'c_k-2': 0, 'c_k-1': 1 })[node] ?? Number(node);
