/** The section of the race; its code is loaded when it is opened. */

import { isImages, type AnyArtifact } from '../artifact/artifact';
import { sentence } from '../artifact/failure';
import type { Choice, Offer } from '../choice/choice';
import type { Reference } from '../runtime/check';
import type { Model } from '../runtime/runtime';
import { element } from '../ui/page';
import { showFailure } from '../ui/status';

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

const details = element('race', HTMLDetailsElement);
let field: Field | null = null;
let panel: typeof import('./panel') | null = null;

details.addEventListener('toggle', () => void enter());

/** Sets the network of the race; null hides the section. */
export function offerRace(next: Field | null): void {
  field = next;
  details.hidden = next === null;
  if (next) {
    const what = isImages(next.artifact) ? 'This picture' : next.artifact.manifest.task === 'tensors' ? 'This network' : 'One step';
    element('race-lead', HTMLElement).textContent = `${what} in every runtime and backend`;
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
