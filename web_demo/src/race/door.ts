/** The room of the race. */

import { isImages, type AnyArtifact } from '../artifact/artifact';
import type { Choice, Offer } from '../choice/choice';
import type { Reference } from '../runtime/check';
import type { Model } from '../runtime/runtime';
import { element } from '../ui/page';
import { room } from '../ui/room';

/** The network, the runtimes and backends that can run it, and the input. */
export interface Field {
  readonly artifact: AnyArtifact;
  readonly reference: Reference;
  readonly offers: readonly Offer[];
  /** The choice of the page. */
  readonly now: Choice;
  /** The picture on the page. */
  readonly pixels: () => Float32Array | null;
  readonly model: (reads: string, signal: AbortSignal) => Promise<Model>;
}

const enter = room<Field>('race', async () => (await import('./panel')).showField);

/** Sets the network of the race; null hides the room. */
export function offerRace(next: Field | null): void {
  enter(next);
  if (!next) return;
  const what = isImages(next.artifact) ? 'This picture' : next.artifact.manifest.task === 'tensors' ? 'This network' : 'One step';
  element('race-lead', HTMLElement).textContent = `${what} in every runtime and backend`;
}
