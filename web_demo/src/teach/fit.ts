/** Trains a head, without blocking the page, and draws how it goes. */

import type { Chart } from './chart';
import type { Head } from './graph';
import { accuracyOf, confusionOf, Training, type Picture } from './head';
import { pause } from './pictures';

/** Steps between two points of the chart, unless they take longer than a frame. */
const [SLICE, SLICE_MS] = [10, 12];

/** The head for `pictures`; those that are held out are only measured. `signal` aborts. */
export async function fit(pictures: readonly Picture[], heldOut: readonly Picture[], classes: number, chart: Chart, signal: AbortSignal): Promise<Head> {
  const training = new Training(pictures, classes);
  for (let step = 0; !training.done; ) {
    const until = performance.now() + SLICE_MS;
    let loss = 0;
    do {
      loss = training.next();
      step++;
    } while (!training.done && step % SLICE > 0 && performance.now() < until);
    const head = training.head();
    chart.add(step, loss, accuracyOf(confusionOf(head, pictures))!, accuracyOf(confusionOf(head, heldOut)));
    await pause(0);
    signal.throwIfAborted();
  }
  return training.head();
}
