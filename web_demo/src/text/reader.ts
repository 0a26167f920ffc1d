/** Feeds a text to a language model token by token. */

import type { Session, Tensor, Tensors } from '../runtime/runtime';

export interface LanguageModel {
  readonly session: Session;
  /** Size of the hidden state. */
  readonly hidden: number;
}

/** A position in a text; the initial hidden state is zero. */
export class Reader {
  /** The hidden state (1, hidden) of the text so far. */
  private state: Tensor;

  constructor(private readonly model: LanguageModel) {
    this.state = { data: new Float32Array(model.hidden), shape: [1, model.hidden] };
  }

  /** Reads the next token. */
  async take(token: number): Promise<void> {
    await this.step(token, ['next_hidden']);
  }

  /** Reads the next token and returns the logits of the one after it. */
  async predict(token: number): Promise<Float32Array> {
    return (await this.step(token, ['next_hidden', 'logits'])).logits!.data as Float32Array;
  }

  private async step(token: number, wanted: readonly string[]): Promise<Tensors> {
    const tokens = { data: Int32Array.of(token), shape: [1] };
    const { outputs } = await this.model.session.run({ tokens, hidden: this.state }, wanted);
    this.state = outputs.next_hidden!;
    return outputs;
  }
}
