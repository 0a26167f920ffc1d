/**
 * The classifier in a safetensors file (https://huggingface.co/docs/safetensors): a length of 8 bytes, a JSON header of
 * that length, and the tensors.
 */

import { Failure } from '../artifact/failure';
import { isRecord } from '../artifact/manifest';
import { turned, type Head } from './graph';

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

const [WEIGHT, BIAS] = ['classifier.weight', 'classifier.bias'];

/**
 * The file of the network `name` with the head `next`. Throws a `Failure` unless its classifier is `now`, the head of the
 * exported graph.
 */
export function withClassifier(name: string, file: ArrayBuffer, now: Head, next: Head): Uint8Array {
  const { header, data } = read(name, file);
  const [weights, bias] = [WEIGHT, BIAS].map((key) => {
    const entry = header[key!];
    if (entry?.dtype !== 'F32') throw unfit(name);
    return new Float32Array(data.slice(...entry.data_offsets).buffer);
  }) as [Float32Array, Float32Array];
  const features = now.weights.length / now.bias.length;
  if (!isNear(weights, turned(now.weights, features, now.bias.length)) || !isNear(bias, now.bias)) throw unfit(name);
  const classes = next.bias.length;
  const replaced: Record<string, { shape: number[]; values: Float32Array }> = {
    [WEIGHT!]: { shape: [classes, features], values: turned(next.weights, features, classes) },
    [BIAS!]: { shape: [classes], values: next.bias },
  };
  const parts: Uint8Array[] = [];
  let at = 0;
  const entries = Object.entries(header)
    .filter(([key]) => key !== '__metadata__')
    .sort(([, one], [, other]) => one.data_offsets[0] - other.data_offsets[0]);
  const changed: Record<string, unknown> = '__metadata__' in header ? { __metadata__: header.__metadata__ } : {};
  for (const [key, entry] of entries) {
    const own = replaced[key];
    const bytes = own ? bytesOf(own.values) : data.subarray(...entry.data_offsets);
    changed[key] = { ...entry, shape: own?.shape ?? entry.shape, data_offsets: [at, at + bytes.length] };
    parts.push(bytes);
    at += bytes.length;
  }
  const text = new TextEncoder().encode(JSON.stringify(changed));
  const length = Math.ceil(text.length / 8) * 8; // the tensors are aligned
  const whole = new Uint8Array(8 + length + at);
  new DataView(whole.buffer).setBigUint64(0, BigInt(length), true);
  whole.fill(0x20, 8, 8 + length);
  whole.set(text, 8);
  let place = 8 + length;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}

function read(name: string, file: ArrayBuffer): { header: Record<string, Entry>; data: Uint8Array } {
  try {
    const length = Number(new DataView(file).getBigUint64(0, true));
    const header: unknown = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 8, length)));
    if (isRecord(header)) return { header: header as unknown as Record<string, Entry>, data: new Uint8Array(file, 8 + length) };
  } catch {
    // Falls through.
  }
  throw unfit(name);
}

const unfit = (name: string): Failure =>
  new Failure(`model.safetensors of ${name} does not have the classifier of its TF.js files: build the artifact again.`);

const bytesOf = (values: Float32Array): Uint8Array => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

function isNear(one: Float32Array, other: Float32Array): boolean {
  return one.length === other.length && one.every((value, at) => Math.abs(value - other[at]!) <= 1e-6 * Math.max(1, Math.abs(value)));
}
