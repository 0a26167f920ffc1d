/** The model, the fixture and the vocabulary of an artifact, for TensorFlow.js. */

import { io } from '@tensorflow/tfjs-core';
import { downloadBytes, inside, type AnyManifest, type Artifact, type StepManifest } from './artifact';
import { Failure } from './failure';
import { downloadListed, rebuild, type Progress } from './files';

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

function slices(values: Float32Array, length: number): Float32Array[] {
  return Array.from({ length: values.length / length }, (_, i) => values.slice(i * length, (i + 1) * length));
}
