/** A network on the backend of the moment: raw pixels in, logits and probabilities out. */

import * as tf from '@tensorflow/tfjs-core';
import { loadGraphModel, type GraphModel } from '@tensorflow/tfjs-converter';
import { buildCommand, type AnyManifest, type Manifest } from '../artifact/artifact';
import { whileItLasts } from './backends';
import { Failure } from '../artifact/failure';
import { compile } from './compile';
import { Recorded } from './recorded';

export interface Answer {
  readonly logits: Float32Array;
  readonly probabilities: Float32Array;
  /** Milliseconds from pixels to probabilities, reading them back included. */
  readonly ms: number;
}

export class Network {
  private readonly recorded: Recorded;

  private constructor(
    private readonly model: GraphModel,
    private readonly manifest: Manifest,
    private readonly outputs: readonly string[],
  ) {
    this.recorded = new Recorded(model);
  }

  static async load(manifest: Manifest, files: tf.io.ModelArtifacts): Promise<Network> {
    const [model, outputs] = await loadGraph(manifest, files, ['logits', 'probabilities']);
    const { name, height, width, channels } = manifest.input;
    await whileItLasts(
      compile(() => [model.execute({ [name]: tf.zeros([1, height, width, channels]) }, outputs)].flat()),
    );
    return new Network(model, manifest, outputs);
  }

  /** `pixels` holds one image or several, one after the other. */
  async run(pixels: Float32Array): Promise<Answer> {
    const { name, height, width, channels } = this.manifest.input;
    const start = performance.now();
    const input = tf.tensor4d(pixels, [pixels.length / (height * width * channels), height, width, channels]);
    let outputs: tf.Tensor[] = [];
    try {
      outputs = this.recorded.execute({ [name]: input }, this.outputs);
      const numbers = Promise.all(outputs.map((output) => output.data<'float32'>()));
      const [logits, probabilities] = await whileItLasts(numbers);
      return { logits: logits!, probabilities: probabilities!, ms: performance.now() - start };
    } finally {
      tf.dispose([input, ...outputs]);
    }
  }

  dispose(): void {
    this.recorded.dispose();
    this.model.dispose();
  }
}

/** The graph in memory, on the backend of the moment, and its nodes behind the outputs of those names. */
export async function loadGraph(
  manifest: AnyManifest,
  files: tf.io.ModelArtifacts,
  names: readonly string[],
): Promise<[GraphModel, string[]]> {
  const model = await loadGraphModel({ load: async () => files });
  try {
    return [model, names.map((name) => outputNode(model, manifest, name))];
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** The graph's node behind a named output; the converter numbers its nodes and keeps the names in the signature. */
function outputNode(model: GraphModel, manifest: AnyManifest, name: string): string {
  const signature = model.modelSignature as { outputs?: Record<string, { name: string }> } | undefined;
  const named = signature?.outputs?.[name]?.name ?? model.outputs.find((output) => output.name === name)?.name;
  const structured = (model.modelStructuredOutputKeys as string[] | undefined)?.indexOf(name) ?? -1;
  const node = named ?? model.outputNodes[structured];
  if (node === undefined) {
    throw new Failure(
      `tfjs/model.json of ${manifest.name} has no output "${name}": build the artifact again with "${buildCommand(manifest)}".`,
    );
  }
  return node.replace(/:0$/, '');
}
