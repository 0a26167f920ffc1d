/** Trains a head, without blocking the page, and draws how it goes. */

import type { Chart } from './chart';
import type { Example } from './classes';
import type { Head } from './graph';
import { accuracyOf, confusionOf, isHeldOut, Training, type Picture } from './head';
import { pause } from './pictures';

/** Steps between two points of the chart, unless they take longer than a frame. */
const [SLICE, SLICE_MS] = [10, 12];

/** The pictures of all classes: those to train on, and those held out. */
export function split(classes: readonly (readonly Example[])[]): { pictures: Picture[]; out: Picture[] } {
  const all = classes.map((examples, truth) => examples.map(({ features }) => ({ features, truth })));
  return {
    pictures: all.flatMap((each) => each.filter((_, place) => !isHeldOut(place))),
    out: all.flatMap((each) => each.filter((_, place) => isHeldOut(place))),
  };
}

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
