/** The manifest of an artifact, as written by `zoo build`. */

import type { Described } from '../runtime/runtime';

export const FORMAT = 1;

/** The fields of every task. */
export interface AnyManifest {
  readonly format: number;
  readonly name: string;
  /** The published cell; other networks have an `origin`. */
  readonly genotype?: string;
  readonly origin?: { readonly file: string } | null;
  readonly task: string;
  readonly network: { readonly kind: string };
  readonly paper?: string;
  readonly source?: string;
  readonly licence?: string;
  /** Remarks on the conversion. */
  readonly notes?: readonly string[];
  readonly trained: boolean;
  readonly parameters: number;
  /** Weight precision of formats that support reduced precision; null without such a format. */
  readonly precision: string | null;
  readonly agreement?: readonly Agreement[];
  readonly outputs: readonly string[];
  readonly parity: readonly Hop[];
  /** Inputs and outputs of a network that is not a cell. */
  readonly takes?: readonly Described[];
  readonly gives?: readonly Described[];
  readonly fixture: {
    readonly input: string;
    readonly logits: string;
    readonly count: number;
    readonly labels: readonly number[] | null;
  };
  readonly files: Readonly<Record<string, { readonly sha256: string; readonly bytes: number }>>;
}

/** Parity of a hop; `relative` makes `limit` relative to the scale of each output; limits in `outputs` are absolute. */
export interface Hop {
  readonly hop: string;
  readonly limit: number;
  readonly relative?: boolean;
  readonly outputs?: Readonly<Record<string, { readonly limit: number; readonly scale: number }>>;
}

/** How often reduced-precision weights predict the same class as float32. */
export interface Agreement {
  readonly precision: string;
  readonly images: number;
  readonly share: number;
  readonly where: string;
}

export interface Manifest extends AnyManifest {
  readonly task: 'image-classification';
  readonly network: {
    readonly kind: string;
    /** For networks of cells. */
    readonly channels?: number | null;
    readonly layers?: number | null;
    readonly num_classes: number;
  };
  readonly input: {
    readonly name: string;
    readonly height: number;
    readonly width: number;
    readonly channels: number;
    readonly range?: readonly [number, number];
    readonly data: string | null;
  };
  readonly labels: readonly string[];
  readonly metrics?: { readonly test_accuracy?: number; readonly data?: string; readonly remark?: string; readonly images?: number };
  readonly multiply_adds?: number | null;
}

/** One step of a language model: token ids and a hidden state in, logits over the vocabulary out. */
export interface StepManifest extends AnyManifest {
  readonly task: 'language-model-step';
  readonly network: { readonly kind: string; readonly vocabulary: number; readonly hidden: number };
  readonly input: { readonly unit?: Unit | null };
  readonly metrics?: { readonly test_perplexity?: number; readonly data?: string };
}

/** A network without a task: only its inputs and outputs are known. */
export interface TensorsManifest extends AnyManifest {
  readonly task: 'tensors';
  readonly takes: readonly Described[];
  readonly gives: readonly Described[];
}

/** Kind of token. */
export type Unit = 'word' | 'char';

/** The manifest of each task. */
export interface Manifests {
  'image-classification': Manifest;
  'language-model-step': StepManifest;
  tensors: TensorsManifest;
}

export type Task = keyof Manifests;

export function isStepManifest(manifest: AnyManifest): manifest is StepManifest {
  return manifest.task === 'language-model-step';
}

export function isTensors(manifest: AnyManifest): manifest is TensorsManifest {
  return manifest.task === 'tensors';
}

/** The command that exports the network of a manifest again: for the shell, or in Python for one from a module. */
export function buildCommand(
  manifest: { readonly genotype?: unknown; readonly origin?: unknown; readonly network?: unknown },
  format = 'tfjs',
): string {
  const { genotype, origin, network } = manifest;
  if (isRecord(network) && network.kind === 'module') return `export.export(model, '${format}', ...)`;
  const file = isRecord(origin) && isText(origin.file) ? origin.file : 'NAME';
  const cell = isText(genotype) && genotype !== '' ? genotype : file;
  const word = /^[\w@%+=:,./-]+$/.test(cell) ? cell : `'${cell.replaceAll("'", `'"'"'`)}'`;
  return `zoo build ${word} --export ${format}`;
}

/** Whether the network is a file without a manifest, so that the page itself recorded its fixture. */
export const isBare = ({ kind }: AnyManifest['network']): boolean => kind === 'file';

/** What computed the fixture. */
export function referenceOf({ network, parity }: AnyManifest): string {
  if (isBare(network)) return 'its first run on WebAssembly';
  if (parity.length === 0) return 'the browser that taught it';
  return network.kind === 'onnx' ? 'ONNX Runtime' : 'PyTorch';
}

/** The name of a class; its number if the artifact has no labels. */
export function className(manifest: Manifest, index: number): string {
  return manifest.labels[index] ?? `class ${index}`;
}

/** Total size of the files of a format. */
export function downloadBytes(manifest: AnyManifest, reads: string): number {
  return Object.entries(manifest.files).reduce(
    (sum, [path, file]) => sum + (path.startsWith(`${reads}/`) ? file.bytes : 0),
    0,
  );
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;
export const isText = (value: unknown): value is string => typeof value === 'string';

export function isAnyManifest(value: Record<string, unknown>): value is Record<string, unknown> & AnyManifest {
  const { fixture, files, parity } = value;
  return (
    isText(value.name) &&
    (value.precision == null || isText(value.precision)) &&
    Number.isSafeInteger(value.parameters) &&
    Array.isArray(value.outputs) &&
    value.outputs.every(isText) &&
    isRecord(value.network) &&
    Array.isArray(parity) &&
    [value.takes ?? [], value.gives ?? []].every((side) => Array.isArray(side) && side.every(isDescribed)) &&
    isRecord(fixture) &&
    isText(fixture.input) &&
    isText(fixture.logits) &&
    isCount(fixture.count) &&
    isRecord(files) &&
    Object.values(files).every((file) => isRecord(file) && isText(file.sha256) && Number.isSafeInteger(file.bytes))
  );
}

function isDescribed(value: unknown): value is Described {
  return (
    isRecord(value) &&
    isText(value.name) &&
    isText(value.dtype) &&
    Array.isArray(value.shape) &&
    value.shape.every((size) => size === null || Number.isSafeInteger(size))
  );
}

/** Validates the fields of each task. */
export const CHECKS: Readonly<Record<Task, (manifest: Record<string, unknown>) => boolean>> = {
  'image-classification': ({ input, network, labels }) =>
    Array.isArray(labels) &&
    labels.every(isText) &&
    isRecord(network) &&
    isCount(network.num_classes) &&
    isRecord(input) &&
    isCount(input.height) &&
    isCount(input.width) &&
    isCount(input.channels),
  'language-model-step': ({ input, network }) =>
    isRecord(input) && isRecord(network) && isCount(network.vocabulary) && isCount(network.hidden),
  tensors: ({ takes, gives }) => Array.isArray(takes) && Array.isArray(gives) && gives.length > 0,
};
