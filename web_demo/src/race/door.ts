/** Where the race stands on the page; what is behind comes when somebody opens it. */

import { isImages, type AnyArtifact } from '../artifact/artifact';
import { sentence } from '../artifact/failure';
import type { Choice, Offer } from '../choice/choice';
import type { Reference } from '../runtime/check';
import type { Model } from '../runtime/runtime';
import { element } from '../ui/page';
import { showFailure } from '../ui/status';

/** What may race, and on what. */
export interface Field {
  readonly artifact: AnyArtifact;
  readonly reference: Reference;
  readonly offers: readonly Offer[];
  /** What the page runs on. */
  readonly now: Choice;
  /** The picture on the page. */
  readonly pixels: () => Float32Array | null;
  readonly model: (reads: string, signal: AbortSignal) => Promise<Model>;
}

const details = element('race', HTMLDetailsElement);
let field: Field | null = null;
let panel: typeof import('./panel') | null = null;

details.addEventListener('toggle', () => void enter());

/** Makes the race one of another network; of none with null. */
export function offerRace(next: Field | null): void {
  field = next;
  details.hidden = next === null;
  if (next) {
    const what = isImages(next.artifact) ? 'this picture' : next.artifact.manifest.task === 'tensors' ? 'this network' : 'a step';
    element('race-lead', HTMLElement).textContent = `${what} in every runtime, on every backend`;
  }
  panel?.showField(next);
}

async function enter(): Promise<void> {
  if (!details.open || panel) return;
  try {
    panel = await import('./panel');
    panel.showField(field);
  } catch (error) {
    showFailure(sentence(error));
  }
}
