/** One step of a language model on the backend of the moment: token ids and hidden states in, logits out. */

import * as tf from '@tensorflow/tfjs-core';
import { loadGraphModel, type GraphModel } from '@tensorflow/tfjs-converter';
import type { StepManifest } from './artifact';
import { outputNode } from './network';

export class StepNetwork {
  private constructor(
    private readonly model: GraphModel,
    private readonly hidden: number,
    private readonly output: string,
  ) {}

  static async load(manifest: StepManifest, files: tf.io.ModelArtifacts): Promise<StepNetwork> {
    const model = await loadGraphModel({ load: async () => files });
    return new StepNetwork(model, manifest.network.hidden, outputNode(model, manifest, 'logits'));
  }

  /** `values` holds the ids of one token or several, then the state of each. */
  async run(values: Float32Array): Promise<{ logits: Float32Array; ms: number }> {
    const count = values.length / (1 + this.hidden);
    const start = performance.now();
    const tokens = tf.tensor1d(Int32Array.from(values.subarray(0, count)), 'int32');
    const hidden = tf.tensor2d(values.subarray(count), [count, this.hidden]);
    const output = this.model.execute({ tokens, hidden }, this.output) as tf.Tensor;
    try {
      return { logits: await output.data<'float32'>(), ms: performance.now() - start };
    } finally {
      tf.dispose([tokens, hidden, output]);
    }
  }
}
