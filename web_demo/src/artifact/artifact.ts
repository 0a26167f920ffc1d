/** The index of models, and the artifacts that it lists. */

import { Failure } from './failure';
import {
  buildCommand,
  CHECKS,
  FORMAT,
  isAnyManifest,
  isRecord,
  isStepManifest,
  isTensors,
  isText,
  type AnyManifest,
  type Manifest,
  type Manifests,
  type StepManifest,
  type Task,
} from './manifest';
import { inside, readJson } from './request';
import type { Described } from '../runtime/runtime';

/** An entry of models/index.json. */
export interface Entry {
  readonly name: string;
  readonly task?: string | null;
  /** Input channels of an image classifier. */
  readonly channels?: number | null;
  readonly path: string;
  /** Changes with the content of the artifact. */
  readonly sha256?: string;
  /** The address of the report of the search that found its cell. */
  readonly found?: string;
}

export interface Artifact<M extends AnyManifest = Manifest> {
  readonly folder: URL;
  readonly manifest: M;
}

/** The artifacts of each task. */
type Artifacts = { readonly [T in Task]: Artifact<Manifests[T]> };

export type AnyArtifact = Artifacts[Task];

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
export async function readArtifact<T extends Task>(
  page: URL,
  path: string,
  tasks: readonly T[],
  formats: readonly string[],
  signal: AbortSignal | null = null,
): Promise<Artifacts[T]> {
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
  return { folder, manifest: manifest as AnyManifest } as Artifacts[T];
}

/** The outputs in the fixture: all that the manifest lists; it lists none for a cell, whose fixture has the logits. */
export function provenOf(artifact: AnyArtifact): readonly Described[] {
  const gives = givesOf(artifact);
  return artifact.manifest.gives?.length ? gives : gives.filter(({ name }) => name === 'logits');
}

export function isImages(artifact: AnyArtifact): artifact is Artifact {
  return artifact.manifest.task === 'image-classification';
}

export function isStep(artifact: AnyArtifact): artifact is Artifact<StepManifest> {
  return isStepManifest(artifact.manifest);
}

/** Whether the page can produce images with this number of channels. */
export function isShown(channels: number | null | undefined): boolean {
  return channels == null || channels === 1 || channels === 3;
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

function isEntry(value: unknown): value is Entry {
  return isRecord(value) && isText(value.name) && isText(value.path);
}
