/** The current network, and the pixels that it classifies. */

import type { Artifact } from '../artifact/artifact';
import { showAnswer, showBusy, showNothing } from './answer';
import { sentence } from '../artifact/failure';
import type { Classifier } from '../image/classifier';
import { readsPhotos } from '../image/picture';
import { showFailure } from './status';

interface Question {
  readonly pixels: Float32Array;
  readonly truth: string | null;
}

/** The prompt while there is nothing to classify. */
export function emptyText(): string {
  const photos = session.artifact && readsPhotos(session.artifact.manifest);
  return photos ? 'Choose a picture, or your own photo.' : 'Draw something or choose a sample.';
}

export const session = {
  /** The classifier on the page; null while there is none. */
  artifact: null as Artifact | null,
  network: null as Classifier | null,
  /** Median time of one run, in milliseconds. */
  steady: Infinity,
};

/** Fires "change" when other pixels, or none, are to be classified. */
export const asked = new EventTarget();

let question: Question | null = null;
let answering: Promise<void> | null = null;

/** Classifies `pixels`, or shows `otherwise` if they are null; resolves when the newest pixels are classified. */
export function ask(pixels: Float32Array | null, truth: string | null, otherwise: string): Promise<void> {
  question = pixels && { pixels, truth };
  asked.dispatchEvent(new Event('change'));
  if (!question) showNothing(otherwise);
  return answer();
}

function answer(): Promise<void> {
  return (answering ??= answerNewest().finally(() => {
    answering = null;
  }));
}

/** Classifies the newest pixels until none are newer; skips those that arrive in between. */
async function answerNewest(): Promise<void> {
  const { network } = session;
  if (!network) return;
  showBusy(true);
  try {
    for (let done: Question | null = null; question && question !== done && session.network === network;) {
      done = question;
      const { artifact } = session;
      const probabilities = await network.run(done.pixels);
      // The pixels may have been cleared, or another model chosen, in the meantime.
      if (question && artifact && artifact === session.artifact)
        showAnswer(artifact.manifest, done.pixels, probabilities, done.truth);
    }
  } catch (error) {
    // A network that was unloaded or lost its backend is replaced, and its successor answers.
    if (session.network === network) showFailure(sentence(error));
  } finally {
    showBusy(false);
  }
}

/** The pixels that are classified; null while there are none. */
export function currentPixels(): Float32Array | null {
  return question?.pixels ?? null;
}

/** Classifies the pixels that waited for a network. */
export function answerAgain(): Promise<void> {
  if (!question) showNothing(emptyText());
  return answer();
}

export function forgetQuestion(reason: string): void {
  question = null;
  asked.dispatchEvent(new Event('change'));
  showNothing(reason);
}
