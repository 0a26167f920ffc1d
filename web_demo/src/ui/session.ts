/** What the page holds at the moment, and the one question that it answers. */

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

/** What is missing while nothing is asked. */
export function emptyText(): string {
  const photos = session.artifact && readsPhotos(session.artifact.manifest);
  return photos ? 'Choose one of the pictures, or a photo of your own.' : 'Draw something, or choose a sample.';
}

export const session = {
  /** Of the classifier on the page; null while there is none, or a language model. */
  artifact: null as Artifact | null,
  network: null as Classifier | null,
  /** Milliseconds that the network takes for an answer. */
  steady: Infinity,
};

let question: Question | null = null;
let answering: Promise<void> | null = null;

/** Asks about pixels, until the newest question is answered; without any, says what is missing. */
export function ask(pixels: Float32Array | null, truth: string | null, otherwise: string): Promise<void> {
  question = pixels && { pixels, truth };
  if (!question) showNothing(otherwise);
  return answer();
}

function answer(): Promise<void> {
  return (answering ??= answerNewest().finally(() => {
    answering = null;
  }));
}

/** Answers the newest question; the ones that came while it was at work are passed over. */
async function answerNewest(): Promise<void> {
  const { network } = session;
  if (!network) return;
  showBusy(true);
  try {
    for (let done: Question | null = null; question && question !== done && session.network === network;) {
      done = question;
      const { artifact } = session;
      const probabilities = await network.run(done.pixels);
      // Meanwhile the question may have been taken back, or another model chosen.
      if (question && artifact && artifact === session.artifact)
        showAnswer(artifact.manifest, done.pixels, probabilities, done.truth);
    }
  } catch (error) {
    // A network that was given up, or lost its backend, in the middle of a run is replaced, and answers then.
    if (session.network === network) showFailure(sentence(error));
  } finally {
    showBusy(false);
  }
}

/** What the page shows the network; null while there is nothing. */
export function currentPixels(): Float32Array | null {
  return question?.pixels ?? null;
}

/** Answers the question that waited for a network. */
export function answerAgain(): Promise<void> {
  if (!question) showNothing(emptyText());
  return answer();
}

export function forgetQuestion(reason: string): void {
  question = null;
  showNothing(reason);
}
