/** One step of a language model on the backend of the moment: token ids and hidden states in, logits out. */

import * as tf from '@tensorflow/tfjs-core';
import type { GraphModel } from '@tensorflow/tfjs-converter';
import type { StepManifest } from '../artifact/artifact';
import { whileItLasts } from './backends';
import { loadGraph } from './network';
import { Recorded } from './recorded';

export class StepNetwork {
  /** The hidden state (1, hidden) of the text so far; it stays on the backend. Null before its first token. */
  private state: tf.Tensor2D | null = null;

  private readonly recorded: Recorded;

  private constructor(
    private readonly model: GraphModel,
    private readonly hidden: number,
    private readonly logits: string,
    private readonly nextHidden: string,
  ) {
    this.recorded = new Recorded(model);
  }

  static async load(manifest: StepManifest, files: tf.io.ModelArtifacts): Promise<StepNetwork> {
    const [model, [logits, nextHidden]] = await loadGraph(manifest, files, ['logits', 'next_hidden']);
    return new StepNetwork(model, manifest.network.hidden, logits!, nextHidden!);
  }

  /** `values` holds the ids of one token or several, then the state of each. */
  async run(values: Float32Array): Promise<{ logits: Float32Array; ms: number }> {
    const count = values.length / (1 + this.hidden);
    const start = performance.now();
    const tokens = tf.tensor1d(Int32Array.from(values.subarray(0, count)), 'int32');
    const hidden = tf.tensor2d(values.subarray(count), [count, this.hidden]);
    let outputs: tf.Tensor[] = [];
    try {
      outputs = this.recorded.execute({ tokens, hidden }, [this.logits]);
      return { logits: await whileItLasts(outputs[0]!.data<'float32'>()), ms: performance.now() - start };
    } finally {
      tf.dispose([tokens, hidden, ...outputs]);
    }
  }

  /** Begins a new text: the state is zero again. */
  restart(): void {
    this.state?.dispose();
    this.state = null;
  }

  /** Reads the next token of the text. */
  take(token: number): void {
    this.step(token, [this.nextHidden]);
  }

  /** Reads the next token of the text, and gives the logits of the one after it. */
  async predict(token: number): Promise<Float32Array> {
    const logits = this.step(token, [this.nextHidden, this.logits]);
    try {
      return await whileItLasts(logits!.data<'float32'>());
    } finally {
      logits!.dispose();
    }
  }

  dispose(): void {
    this.restart();
    this.recorded.dispose();
    this.model.dispose();
  }

  /** Carries the state on, and gives the second of the outputs. */
  private step(token: number, outputs: string[]): tf.Tensor | undefined {
    const tokens = tf.tensor1d([token], 'int32');
    const hidden = this.state ?? tf.zeros<tf.Rank.R2>([1, this.hidden]);
    this.state = null;
    try {
      const [next, logits] = this.recorded.execute({ tokens, hidden }, outputs);
      this.state = next as tf.Tensor2D;
      return logits;
    } finally {
      tf.dispose([tokens, hidden]);
    }
  }
}
