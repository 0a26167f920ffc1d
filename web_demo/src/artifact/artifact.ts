/** The index of models, and the manifest of an artifact as written by `zoo build`. */

import { Failure } from './failure';
import type { Described } from '../runtime/runtime';

/** An entry of models/index.json. */
export interface Entry {
  readonly name: string;
  readonly task?: string | null;
  /** Input channels of an image classifier. */
  readonly channels?: number | null;
  readonly path: string;
}

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

export interface Artifact<M extends AnyManifest = Manifest> {
  readonly folder: URL;
  readonly manifest: M;
}

/** The artifacts of each task. */
interface Tasks {
  'image-classification': Artifact;
  'language-model-step': Artifact<StepManifest>;
  tensors: Artifact<TensorsManifest>;
}

const FORMAT = 1;

/** The models of this site; throws a `Failure`. */
export async function readIndex(page: URL): Promise<Entry[]> {
  const index = await readJson(
    inside(page, 'models/index.json'),
    'models/index.json',
    'start the page with "zoo demo"',
  );
  const entries = isRecord(index) ? index.models : undefined;
  if (!Array.isArray(entries) || !entries.every(isEntry)) {
    throw new Failure(
      'models/index.json is not a list of models: start the page with "zoo demo", which writes it.',
    );
  }
  if (entries.length === 0) {
    throw new Failure('No models: run "zoo build DARTS --export tfjs", then start "zoo demo" again.');
  }
  return entries;
}

/** Reads the manifest in `path`; throws a `Failure` unless it is valid, of one of `tasks`, and has one of `formats`. */
export async function readArtifact<T extends keyof Tasks>(
  page: URL,
  path: string,
  tasks: readonly T[],
  formats: readonly string[],
  signal: AbortSignal | null = null,
): Promise<Tasks[T]> {
  const folder = inside(page, path.endsWith('/') ? path : `${path}/`);
  const manifest = await readJson(
    inside(folder, 'manifest.json'),
    `manifest.json of ${path}`,
    'build the artifact again with "zoo build"',
    signal,
  );
  if (!isRecord(manifest) || typeof manifest.task !== 'string' || manifest.format !== FORMAT) {
    throw new Failure(
      `manifest.json of ${path} does not have format version ${FORMAT}: build the artifact again with "zoo build".`,
    );
  }
  const task = tasks.find((one) => one === manifest.task);
  if (task === undefined) {
    throw new Failure(
      `${manifest.name ?? path} has the task "${manifest.task}", and this page supports only "${tasks.join('", "')}": choose another model, or use its files from your own code.`,
    );
  }
  const files = isRecord(manifest.files) ? Object.keys(manifest.files) : [];
  if (!files.some((file) => formats.some((format) => file.startsWith(`${format}/`)))) {
    throw new Failure(
      `${manifest.name ?? path} was exported without ${formats.join(' or ')}: build it again with "${buildCommand(manifest, formats[0])}".`,
    );
  }
  if (!isAnyManifest(manifest) || !CHECKS[task](manifest)) {
    throw new Failure(
      `manifest.json of ${path} lacks required fields: build the artifact again with "zoo build".`,
    );
  }
  return { folder, manifest: manifest as AnyManifest } as Tasks[T];
}

/** The outputs in the fixture: all that the manifest lists; it lists none for a cell, whose fixture has the logits. */
export function provenOf(artifact: AnyArtifact): readonly Described[] {
  const gives = givesOf(artifact);
  return artifact.manifest.gives?.length ? gives : gives.filter(({ name }) => name === 'logits');
}

export type AnyArtifact = Tasks[keyof Tasks];

export function isImages(artifact: AnyArtifact): artifact is Artifact {
  return artifact.manifest.task === 'image-classification';
}

export function isStep(artifact: AnyArtifact): artifact is Artifact<StepManifest> {
  return isStepManifest(artifact.manifest);
}

function isStepManifest(manifest: AnyManifest): manifest is StepManifest {
  return manifest.task === 'language-model-step';
}

function isTensors(manifest: AnyManifest): manifest is TensorsManifest {
  return manifest.task === 'tensors';
}

/** Whether the page can produce images with this number of channels. */
export function isShown(channels: number | null | undefined): boolean {
  return channels == null || channels === 1 || channels === 3;
}

/** The shell command that exports the network of a manifest again. */
export function buildCommand(manifest: { readonly genotype?: unknown; readonly origin?: unknown }, format = 'tfjs'): string {
  const { genotype, origin } = manifest;
  const file = isRecord(origin) && isText(origin.file) ? origin.file : 'NAME';
  const cell = isText(genotype) && genotype !== '' ? genotype : file;
  const word = /^[\w@%+=:,./-]+$/.test(cell) ? cell : `'${cell.replaceAll("'", `'"'"'`)}'`;
  return `zoo build ${word} --export ${format}`;
}

/** The software that computed the fixture. */
export function referenceOf({ network }: AnyManifest): string {
  return network.kind === 'onnx' ? 'ONNX Runtime' : 'PyTorch';
}

/** The name of a class; its number if the artifact has no labels. */
export function className(manifest: Manifest, index: number): string {
  return manifest.labels[index] ?? `class ${index}`;
}

/** The URL of `path` in `folder`; throws a `Failure` if it is outside. */
export function inside(folder: URL, path: string): URL {
  const address = new URL(path, folder);
  const home = new URL('.', folder);
  // new URL() has resolved "..", encoded dots, absolute paths and schemes.
  if (!address.href.startsWith(home.href)) {
    throw new Failure(
      `"${path}" is outside of its folder and is not loaded: build the artifact again with "zoo build".`,
    );
  }
  return address;
}

/** Total size of the files of a format. */
export function downloadBytes(manifest: AnyManifest, reads: string): number {
  return Object.entries(manifest.files).reduce(
    (sum, [path, file]) => sum + (path.startsWith(`${reads}/`) ? file.bytes : 0),
    0,
  );
}

/** The inputs of the graph. */
export function takesOf({ manifest }: AnyArtifact): readonly Described[] {
  if (isTensors(manifest) || manifest.takes?.length) return manifest.takes!;
  if (isStepManifest(manifest)) {
    return [
      { name: 'tokens', dtype: 'int32', shape: [null] },
      { name: 'hidden', dtype: 'float32', shape: [null, manifest.network.hidden] },
    ];
  }
  const { name, height, width, channels } = manifest.input;
  return [{ name, dtype: 'float32', shape: [null, height, width, channels] }];
}

/** The outputs of the graph. */
export function givesOf({ manifest }: AnyArtifact): readonly Described[] {
  if (isTensors(manifest) || manifest.gives?.length) return manifest.gives!;
  const [units, hidden] = isStepManifest(manifest)
    ? [manifest.network.vocabulary, manifest.network.hidden]
    : [manifest.network.num_classes, 0];
  return manifest.outputs.map((name) => ({
    name,
    dtype: 'float32',
    shape: [null, name === 'next_hidden' ? hidden : units],
  }));
}

async function readJson(
  address: URL,
  name: string,
  remedy: string,
  signal: AbortSignal | null = null,
): Promise<unknown> {
  const response = await request(address, name, remedy, signal);
  try {
    return await response.json();
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof SyntaxError ? new Failure(`${name} is not JSON: ${remedy}.`) : brokenOff(name);
  }
}

/** fetch() that throws a `Failure`; `signal` aborts. */
export async function request(
  address: URL,
  name: string,
  remedy: string,
  signal: AbortSignal | null = null,
): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(address, { redirect: 'error', signal });
  } catch {
    signal?.throwIfAborted();
    throw new Failure(
      `${name} could not be loaded, because the server did not respond: check that "zoo demo" is still running, then reload the page.`,
    );
  }
  if (response.status === 404) throw new Failure(`${name} was not found: ${remedy}.`);
  if (!response.ok)
    throw new Failure(`${name} could not be loaded (status ${response.status}): ${remedy}.`);
  return response;
}

/** The failure of an incomplete download. */
export function brokenOff(name: string): Failure {
  return new Failure(
    `The download of ${name} was interrupted: check the connection and that "zoo demo" is still running, then reload the page.`,
  );
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;
const isText = (value: unknown): value is string => typeof value === 'string';

function isEntry(value: unknown): value is Entry {
  return isRecord(value) && isText(value.name) && isText(value.path);
}

function isAnyManifest(value: Record<string, unknown>): value is Record<string, unknown> & AnyManifest {
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
const CHECKS: Readonly<Record<keyof Tasks, (manifest: Record<string, unknown>) => boolean>> = {
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
