/** The fixture of an artifact: inputs with their expected outputs, as a batch and one by one. */

import { isReal, type Described, type Tensor, type Tensors } from '../runtime/runtime';
import { provenOf, takesOf, type AnyArtifact } from './artifact';
import { downloadListed, rebuild } from './files';
import { Failure } from './failure';

export interface Case {
  readonly inputs: Tensors;
  readonly expected: Tensors;
}

export interface Cases {
  /** All cases in one batch; the only case if the batch size is fixed. */
  readonly together: Case;
  readonly each: readonly Case[];
}

export async function downloadCases(artifact: AnyArtifact, signal: AbortSignal | null = null): Promise<Cases> {
  const { fixture } = artifact.manifest;
  const [inputs, outputs] = await Promise.all([
    downloadListed(artifact, fixture.input, signal),
    downloadListed(artifact, fixture.logits, signal),
  ]);
  const takes = takesOf(artifact);
  const together = {
    inputs: read(artifact, takes, inputs, fixture.count),
    expected: read(artifact, provenOf(artifact), outputs, fixture.count),
  };
  const open = takes.every(({ shape }) => shape[0] === null);
  const each = open
    ? Array.from({ length: fixture.count }, (_, i) => ({
        inputs: part(together.inputs, fixture.count, i),
        expected: part(together.expected, fixture.count, i),
      }))
    : [together];
  return { together, each };
}

/** Splits a file of concatenated float32 tensors. Little-endian, like every platform with a browser. */
function read(artifact: AnyArtifact, described: readonly Described[], bytes: ArrayBuffer, count: number): Tensors {
  const tensors: Record<string, Tensor> = {};
  let start = 0;
  for (const { name, dtype, shape } of described) {
    const sizes = shape.map((size) => size ?? count);
    const end = start + sizes.reduce((product, size) => product * size, 1);
    if (4 * end > bytes.byteLength) break;
    const values = new Float32Array(bytes, 4 * start, end - start);
    tensors[name] = { data: isReal(dtype) ? values : Int32Array.from(values), shape: sizes };
    start = end;
  }
  if (4 * start === bytes.byteLength && Object.keys(tensors).length === described.length) return tensors;
  throw new Failure(
    `The fixture of ${artifact.manifest.name} does not have the size in its manifest: ${rebuild(artifact)}.`,
  );
}

/** Case `index` of a batch of `count`, as a batch of one. */
function part(tensors: Tensors, count: number, index: number): Tensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { data, shape }]) => {
      const size = data.length / count;
      return [name, { data: data.slice(index * size, (index + 1) * size), shape: [1, ...shape.slice(1)] }];
    }),
  );
}
