/** The first recorded inputs of an artifact, as slices of its fixture. */

import { takesOf, type AnyArtifact } from '../artifact/artifact';
import { isReal } from '../runtime/runtime';

export interface Slice {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Position of its values in the file. */
  readonly start: number;
  readonly end: number;
}

/** The first case: a batch of one, or the whole fixture if the batch size is fixed. */
export function firstInputs(artifact: AnyArtifact): Slice[] {
  const takes = takesOf(artifact);
  const { count } = artifact.manifest.fixture;
  const open = takes.every(({ shape }) => shape[0] === null);
  let start = 0;
  return takes.map(({ name, dtype, shape }) => {
    const sizes = shape.map((size, axis) => size ?? (open && axis === 0 ? 1 : count));
    const all = shape.reduce<number>((product, size) => product * (size ?? count), 1);
    const slice = { name, dtype, shape: sizes, start, end: start + sizes.reduce((product, size) => product * size, 1) };
    start += all;
    return slice;
  });
}

export const isWide = ({ dtype }: Slice): boolean => dtype === 'int64' || dtype === 'uint64';
export const isFloat = ({ dtype }: Slice): boolean => isReal(dtype);
