/** The room of the race. */

import { isImages } from '../artifact/artifact';
import type { AnyManifest } from '../artifact/manifest';
import type { Choice, Offer } from '../choice/choice';
import { element } from '../ui/page';
import { room } from '../ui/room';
import type { Entrant } from './race';

/** The network on the page, and its input. */
export interface Field extends Entrant {
  /** The choice of the page. */
  readonly now: Choice;
  /** The picture on the page. */
  readonly pixels: () => Float32Array | null;
  /** The runtimes and backends for the files of another network. */
  readonly offersOf: (files: AnyManifest['files']) => Offer[];
}

const enter = room<Field>('race', async () => (await import('./panel')).showField);

/** Sets the network of the race; null hides the room. */
export function offerRace(next: Field | null): void {
  enter(next);
  if (!next) return;
  const what = isImages(next.artifact) ? 'This picture' : next.artifact.manifest.task === 'tensors' ? 'This network' : 'One step';
  element('race-lead', HTMLElement).textContent = `${what} in every runtime and backend`;
}
