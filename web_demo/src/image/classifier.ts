/** An image classifier: raw pixels in, probabilities out. */

import type { Manifest } from '../artifact/manifest';
import type { Session } from '../runtime/runtime';

export class Classifier {
  constructor(
    private readonly session: Session,
    private readonly input: Manifest['input'],
  ) {}

  /** The class probabilities of one image, raw pixels (height, width, channels). */
  async run(pixels: Float32Array): Promise<Float32Array> {
    const { name, height, width, channels } = this.input;
    const given = { [name]: { data: pixels, shape: [1, height, width, channels] } };
    const { outputs } = await this.session.run(given, ['probabilities']);
    return outputs.probabilities!.data as Float32Array;
  }
}
