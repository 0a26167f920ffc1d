/** An artifact folder as `zoo build` writes it: the list of them, and the manifest of one. */

import { Failure } from './failure';
import type { Described } from '../runtime/runtime';

/** A line of models/index.json. */
export interface Entry {
  readonly name: string;
  readonly task?: string | null;
  /** Of the images that it takes. */
  readonly channels?: number | null;
  readonly path: string;
}

/** What the manifest of every task has. */
export interface AnyManifest {
  readonly format: number;
  readonly name: string;
  /** The published cell; a network that came from somewhere else has an `origin` instead. */
  readonly genotype?: string;
  readonly origin?: { readonly file: string } | null;
  readonly task: string;
  readonly network: { readonly kind: string };
  readonly paper?: string;
  readonly source?: string;
  readonly licence?: string;
  /** What else is to be known of the conversion, a sentence each. */
  readonly notes?: readonly string[];
  readonly trained: boolean;
  readonly parameters: number;
  /** Of the weights of formats that can round them; null where there is none of them. */
  readonly precision: string | null;
  readonly agreement?: readonly Agreement[];
  readonly outputs: readonly string[];
  readonly parity: readonly Hop[];
  /** Of a network that is no cell, what its graph takes and gives. */
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

/** How near a hop came; with `relative` its `limit` is a share of each output's scale, those of `outputs` never are. */
export interface Hop {
  readonly hop: string;
  readonly limit: number;
  readonly relative?: boolean;
  readonly outputs?: Readonly<Record<string, { readonly limit: number; readonly scale: number }>>;
}

/** How often rounded weights gave the answer of the float32 ones. */
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
    /** Of a network of cells. */
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

/** A network known only by what it takes and gives. */
export interface TensorsManifest extends AnyManifest {
  readonly task: 'tensors';
  readonly takes: readonly Described[];
  readonly gives: readonly Described[];
}

/** What a token of a text is. */
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

/** The artifacts that this site offers. */
export async function readIndex(page: URL): Promise<Entry[]> {
  const index = await readJson(
    inside(page, 'models/index.json'),
    'models/index.json',
    'start the page with "zoo demo"',
  );
  const entries = isRecord(index) ? index.models : undefined;
  if (!Array.isArray(entries) || !entries.every(isEntry)) {
    throw new Failure(
      'models/index.json does not list models as this page expects: start the page with "zoo demo", which writes it.',
    );
  }
  if (entries.length === 0) {
    throw new Failure('There is no model to show: run "zoo build DARTS --export tfjs", then start "zoo demo" again.');
  }
  return entries;
}

/**
 * Reads the manifest in `path`, and refuses one whose task is not of `tasks`, that has files of none of the
 * `formats`, or that lacks a part.
 */
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
      `manifest.json of ${path} is not of format ${FORMAT}, the one that this page reads: build the artifact again with "zoo build".`,
    );
  }
  const task = tasks.find((one) => one === manifest.task);
  if (task === undefined) {
    throw new Failure(
      `${manifest.name ?? path} has the task "${manifest.task}", and this page runs only "${tasks.join('" and "')}": choose another model, or use its files from your own code.`,
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
      `manifest.json of ${path} lacks a part that this page needs: build the artifact again with "zoo build".`,
    );
  }
  return { folder, manifest: manifest as AnyManifest } as Tasks[T];
}

/** The outputs that the fixture holds: of a classifier or a step its logits, from which the others follow. */
export function provenOf(artifact: AnyArtifact): readonly Described[] {
  const gives = givesOf(artifact);
  return artifact.manifest.task === 'tensors' ? gives : gives.filter(({ name }) => name === 'logits');
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

/** The page has gray and colored pictures, and prompts. */
export function isShown(channels: number | null | undefined): boolean {
  return channels == null || channels === 1 || channels === 3;
}

/** The command that exports the network of a manifest anew, as a shell takes it. */
export function buildCommand(manifest: { readonly genotype?: unknown; readonly origin?: unknown }, format = 'tfjs'): string {
  const { genotype, origin } = manifest;
  const file = isRecord(origin) && isText(origin.file) ? origin.file : 'NAME';
  const cell = isText(genotype) && genotype !== '' ? genotype : file;
  const word = /^[\w@%+=:,./-]+$/.test(cell) ? cell : `'${cell.replaceAll("'", `'"'"'`)}'`;
  return `zoo build ${word} --export ${format}`;
}

/** What computed the outputs of the fixture. */
export function referenceOf({ network }: AnyManifest): string {
  return network.kind === 'onnx' ? 'ONNX Runtime' : 'PyTorch';
}

/** The name of a class; an artifact need not have any. */
export function className(manifest: Manifest, index: number): string {
  return manifest.labels[index] ?? `class ${index}`;
}

/** The address of `path` in `folder`; a path that leads out of the folder is refused. */
export function inside(folder: URL, path: string): URL {
  const address = new URL(path, folder);
  const home = new URL('.', folder);
  // new URL() has resolved "..", encoded dots, absolute paths and schemes by now; whatever still begins with the folder is in it.
  if (!address.href.startsWith(home.href)) {
    throw new Failure(
      `"${path}" leads out of the folder that it is named in, and is not loaded: build the artifact again with "zoo build".`,
    );
  }
  return address;
}

/** Bytes of the files that a runtime of that format loads. */
export function downloadBytes(manifest: AnyManifest, reads: string): number {
  return Object.entries(manifest.files).reduce(
    (sum, [path, file]) => sum + (path.startsWith(`${reads}/`) ? file.bytes : 0),
    0,
  );
}

/** What the graph of an artifact takes. */
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

/** What it gives. */
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

/** fetch() whose failures are sentences; `signal` ends it. */
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
      `${name} could not be loaded, because the server did not answer: check that "zoo demo" is still running, then reload the page.`,
    );
  }
  if (response.status === 404) throw new Failure(`${name} was not found: ${remedy}.`);
  if (!response.ok)
    throw new Failure(`${name} could not be loaded (the server answered ${response.status}): ${remedy}.`);
  return response;
}

/** A download that ended before its end. */
export function brokenOff(name: string): Failure {
  return new Failure(
    `The download of ${name} broke off: check the connection and that "zoo demo" is still running, then reload the page.`,
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

/** The parts that a task has of its own. */
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
