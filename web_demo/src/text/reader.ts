/** Reads a text token by token with the step of a language model: ids in, logits of the next token out. */

import type { Session, Tensor, Tensors } from '../runtime/runtime';

export interface LanguageModel {
  readonly session: Session;
  /** Numbers in its hidden state. */
  readonly hidden: number;
}

/** The place in one text, which begins with a state of zeros. */
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

  /** Reads the next token, and gives the logits of the one after it. */
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
