/** Inputs of a network of which only the types and shapes are known. */

import { isReal, type Described, type Tensor } from '../runtime/runtime';
import { mulberry32 } from '../text/sampling';

/** Unknown sizes: of a sequence, and of a side of a picture. */
const LENGTH = 8;
const SIDE = 64;

/** The input with its unknown sizes chosen, except that of the batch. */
export function whole({ name, dtype, shape }: Described): Described {
  const chosen = shape.length === 4 ? SIDE : LENGTH;
  return { name, dtype, shape: shape.map((size, axis) => size ?? (axis === 0 ? null : chosen)) };
}

/** Reals from 0 to 1, integers and booleans 0 or 1, which are valid ids of any vocabulary; the same on each call. */
export function randomFor({ dtype, shape }: Described): Tensor {
  const sizes = shape.map((size) => size ?? 1);
  const next = mulberry32(1);
  const count = sizes.reduce((product, size) => product * size, 1);
  const values = Float32Array.from({ length: count }, next);
  return { data: isReal(dtype) ? values : Int32Array.from(values, (value) => Number(value >= 0.5)), shape: sizes };
}
