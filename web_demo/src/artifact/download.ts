/** The files of an artifact, byte by byte: counted while they come, checked before anything uses them. */

import { io } from '@tensorflow/tfjs-core';
import {
  brokenOff,
  buildCommand,
  downloadBytes,
  inside,
  request,
  type AnyManifest,
  type Artifact,
  type StepManifest,
} from './artifact';
import { Failure } from './failure';

export interface Progress {
  readonly loaded: number;
  readonly total: number;
}

/** The fixture that `zoo build` computed with PyTorch: images, and the logits they must give. */
export interface Fixture {
  /** All of them, as they stand in the file. */
  readonly together: Float32Array;
  readonly images: readonly Float32Array[];
  readonly logits: readonly Float32Array[];
  readonly labels: readonly number[] | null;
}

const MODEL = 'tfjs/model.json';
const VOCABULARY = 'vocabulary.json';

/** Loads model.json and its weights into memory; nothing is executed. */
export async function downloadModel(
  artifact: Artifact<AnyManifest>,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal | null = null,
): Promise<io.ModelArtifacts> {
  const total = downloadBytes(artifact.manifest);
  let loaded = 0;
  const all = new AbortController();
  signal?.addEventListener('abort', () => all.abort(signal.reason), { signal: all.signal });
  const count = (bytes: number) => {
    loaded += bytes;
    if (!all.signal.aborted) onProgress({ loaded: Math.min(loaded, total), total });
  };
  const model = parseModel(artifact, await downloadListed(artifact, MODEL, signal, count));
  const shards = model.weightsManifest.flatMap((group) => group.paths);
  const parts = await Promise.all(
    shards.map((path) => downloadListed(artifact, shardPath(artifact, path), all.signal, count)),
  ).finally(() => all.abort()); // where one fails, the others need not come
  const specs = model.weightsManifest.flatMap((group) => group.weights);
  return io.getModelArtifactsForJSON(model, async () => [specs, parts]);
}

export async function downloadFixture(artifact: Artifact, signal: AbortSignal | null = null): Promise<Fixture> {
  const { input, network } = artifact.manifest;
  const pixels = input.height * input.width * input.channels;
  const { inputs, logits } = await downloadFloats(artifact, pixels, network.num_classes, signal);
  return { together: inputs, images: slices(inputs, pixels), logits, labels: artifact.manifest.fixture.labels };
}

/** Of a step each "image" is a token id and its hidden state; the file has all ids before all states. */
export async function downloadStepFixture(
  artifact: Artifact<StepManifest>,
  signal: AbortSignal | null = null,
): Promise<Fixture> {
  const { fixture, network } = artifact.manifest;
  const { inputs, logits } = await downloadFloats(artifact, 1 + network.hidden, network.vocabulary, signal);
  const states = slices(inputs.subarray(fixture.count), network.hidden);
  const images = states.map((state, i) => Float32Array.of(inputs[i]!, ...state));
  return { together: inputs, images, logits, labels: null };
}

/** The tokens of a language model, in order of their ids. */
export async function downloadVocabulary(
  artifact: Artifact<StepManifest>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { name, files, network } = artifact.manifest;
  if (!(VOCABULARY in files)) {
    throw new Failure(
      `${name} does not say which words or characters it writes (it has no ${VOCABULARY}): build it from a trained language model, for example with "zoo build runs/NAME --export tfjs".`,
    );
  }
  const tokens = parseJson(await downloadListed(artifact, VOCABULARY, signal));
  if (!Array.isArray(tokens) || tokens.length !== network.vocabulary || !tokens.every((one) => typeof one === 'string'))
    throw new Failure(`${VOCABULARY} of ${name} does not list a token for each id: ${rebuild(artifact)}.`);
  return tokens as string[];
}

/** The two files of a fixture, with so many numbers for each input and for its logits. */
async function downloadFloats(
  artifact: Artifact<AnyManifest>,
  size: number,
  classes: number,
  signal: AbortSignal | null,
): Promise<{ inputs: Float32Array; logits: Float32Array[] }> {
  const { name, fixture } = artifact.manifest;
  const [inputs, logits] = await Promise.all([
    downloadListed(artifact, fixture.input, signal),
    downloadListed(artifact, fixture.logits, signal),
  ]);
  if (inputs.byteLength !== 4 * size * fixture.count || logits.byteLength !== 4 * classes * fixture.count) {
    throw new Failure(
      `The fixture of ${name} does not have the size that its manifest gives: ${rebuild(artifact)}.`,
    );
  }
  // The files are little-endian, as is every machine that runs a browser today.
  return { inputs: new Float32Array(inputs), logits: slices(new Float32Array(logits), classes) };
}

/** A file that the manifest lists, refused unless it has the length and the sha256 given there. */
async function downloadListed(
  artifact: Artifact<AnyManifest>,
  path: string,
  signal: AbortSignal | null,
  onBytes: (bytes: number) => void = () => {},
): Promise<ArrayBuffer> {
  const { folder, manifest } = artifact;
  const name = `${path} of ${manifest.name}`;
  const listed = manifest.files[path];
  if (!listed)
    throw new Failure(`${name} is not listed in its manifest.json, and is not loaded: ${rebuild(artifact)}.`);
  const response = await request(inside(folder, path), name, rebuild(artifact), signal);
  const wrong = new Failure(
    `${name} is not the file that its manifest.json describes (its sha256 differs), and is not used: ${rebuild(artifact)}.`,
  );
  const bytes = await readBytes(response, listed.bytes, onBytes, wrong).catch((error: unknown) => {
    signal?.throwIfAborted();
    throw error === wrong ? wrong : brokenOff(name);
  });
  if ((await sha256(bytes)) !== listed.sha256) throw wrong;
  return bytes;
}

async function readBytes(
  response: Response,
  expected: number,
  onBytes: (bytes: number) => void,
  wrong: Failure,
): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(expected);
  let at = 0;
  const reader = response.body!.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    if (at + part.value.length > expected) {
      await reader.cancel();
      throw wrong;
    }
    bytes.set(part.value, at);
    at += part.value.length;
    onBytes(part.value.length);
  }
  if (at < expected) throw wrong;
  return bytes.buffer;
}

async function sha256(bytes: ArrayBuffer): Promise<string> {
  if (!globalThis.crypto?.subtle) {
    throw new Failure('This browser checks files only on a secure page: open the page over https, or at 127.0.0.1.');
  }
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function parseModel(artifact: Artifact<AnyManifest>, bytes: ArrayBuffer): io.ModelJSON {
  const model = parseJson(bytes) as io.ModelJSON | null;
  if (model?.modelTopology && Array.isArray(model.weightsManifest)) return model;
  throw new Failure(`${MODEL} of ${artifact.manifest.name} is not a TensorFlow.js graph model: ${rebuild(artifact)}.`);
}

function parseJson(bytes: ArrayBuffer): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}

/** TensorFlow.js would join these paths unchecked. */
function shardPath(artifact: Artifact<AnyManifest>, path: string): string {
  const home = inside(artifact.folder, 'tfjs/');
  return inside(home, path).href.slice(artifact.folder.href.length);
}

const rebuild = (artifact: Artifact<AnyManifest>) =>
  `build the artifact again with "${buildCommand(artifact.manifest)}"`;

function slices(values: Float32Array, length: number): Float32Array[] {
  return Array.from({ length: values.length / length }, (_, i) => values.slice(i * length, (i + 1) * length));
}
