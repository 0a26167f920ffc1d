/**
 * Makes an artifact of files without a manifest: it reads their inputs and outputs in the runtime, and records a run on
 * WebAssembly, with which the page compares the other backends.
 */

import { Failure } from '../artifact/failure';
import { sha256 } from '../artifact/files';
import { FORMAT, type TensorsManifest } from '../artifact/manifest';
import { request } from '../artifact/request';
import { loadInWorker } from '../runtime/remote';
import type { Described, Session, Tensor } from '../runtime/runtime';
import { isImage, pictureFor } from './picture';
import type { Network } from './recognize';
import { randomFor, whole } from './random';

type Bare = Extract<Network, { kind: 'bare' }>;

/** Of the largest value: runtimes round differently. */
const LIMIT = 1e-4;
/** Values of an output in its note. */
const SHOWN = 5;

/** The files with a manifest and the recorded run; throws a `Failure` if the network does not run. */
export async function describe({ name, runtime, files }: Bare): Promise<ReadonlyMap<string, Blob>> {
  const contents = new Map<string, ArrayBuffer>();
  for (const [path, file] of files) contents.set(path, await file.arrayBuffer());
  const session = await loadInWorker(runtime, { name, files: contents, takes: [], gives: [] }, runtime.backends[0]!);
  try {
    return await record(name, runtime.reads, contents, session);
  } finally {
    session.dispose();
  }
}

async function record(name: string, reads: string, files: Map<string, ArrayBuffer>, session: Session): Promise<Map<string, Blob>> {
  const { takes: declared, gives } = await session.describe();
  const takes = declared.map(whole);
  const inputs: Record<string, Tensor> = {};
  const notes: string[] = [];
  for (const one of takes) {
    const pictured = isImage(one) && takes.length === 1;
    inputs[one.name] = pictured ? await pictureFor(one, readPicture) : randomFor(one);
    notes.push(`Input ${one.name}: ${pictured ? 'the picture of a cat, from 0 to 1' : 'random values'}, ${sizes(inputs[one.name]!)}.`);
  }
  const { outputs } = await session.run(inputs);
  const compared: Described[] = [];
  for (const { name: output, dtype } of gives) {
    const tensor = outputs[output];
    if (!tensor) continue;
    const finite = tensor.data.every(Number.isFinite);
    notes.push(`Output ${output}: ${valuesOf(tensor)}${finite ? '' : ', not compared, because some are not finite'}.`);
    const open = takes.every(({ shape }) => shape[0] === null) && tensor.shape[0] === 1;
    if (finite) compared.push({ name: output, dtype, shape: open ? [null, ...tensor.shape.slice(1)] : tensor.shape });
  }
  if (compared.length === 0) throw new Failure(`${name} gives no finite number for random inputs: run it from your own code.`);
  const all = new Map(files);
  all.set('fixtures/input.bin', packed(takes.map((one) => inputs[one.name]!)));
  all.set('fixtures/outputs.bin', packed(compared.map((one) => outputs[one.name]!)));
  const manifest = {
    format: FORMAT,
    name,
    origin: { file: name },
    task: 'tensors',
    network: { kind: 'file' },
    notes,
    trained: true,
    parameters: 0,
    precision: null,
    outputs: compared.map((one) => one.name),
    parity: [{ hop: reads, limit: LIMIT, relative: true }],
    takes,
    gives: compared,
    fixture: { input: 'fixtures/input.bin', logits: 'fixtures/outputs.bin', count: 1, labels: null },
    files: {} as Record<string, { sha256: string; bytes: number }>,
  } satisfies TensorsManifest;
  for (const [path, content] of all) manifest.files[path] = { sha256: await sha256(content), bytes: content.byteLength };
  const blobs = new Map([...all].map(([path, content]) => [path, new Blob([content])]));
  return blobs.set('manifest.json', new Blob([JSON.stringify(manifest)]));
}

async function readPicture(): Promise<Blob> {
  const address = new URL('pictures/cat.jpg', new URL('.', location.href));
  return (await request(address, 'The picture of a cat', 'build the page again')).blob();
}

/** The fixture: float32 tensors, one after the other. */
function packed(tensors: readonly Tensor[]): ArrayBuffer {
  const values = new Float32Array(tensors.reduce((sum, { data }) => sum + data.length, 0));
  let at = 0;
  for (const { data } of tensors) {
    values.set(data, at);
    at += data.length;
  }
  return values.buffer;
}

const sizes = ({ shape }: Tensor): string => (shape.length === 0 ? 'a scalar' : shape.join(' × '));

/** "0.12, 0.5, 3, …, from -1 to 3". */
function valuesOf({ data, shape }: Tensor): string {
  const text = (value: number) => String(Number(value.toPrecision(4)));
  const first = Array.from(data.slice(0, SHOWN), text).join(', ');
  if (data.length <= SHOWN) return `${first}, ${sizes({ data, shape })}`;
  let [least, most] = [Infinity, -Infinity];
  for (const value of data) [least, most] = [Math.min(least, value), Math.max(most, value)];
  return `${first}, …, from ${text(least)} to ${text(most)}, ${sizes({ data, shape })}`;
}
