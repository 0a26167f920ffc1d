/** The section with programs; its code is loaded when it is opened. */

import type { AnyArtifact } from '../artifact/artifact';
import { sentence } from '../artifact/failure';
import type { Choice } from '../choice/choice';
import { element } from '../ui/page';
import { showFailure } from '../ui/status';

/** The open network, and where it runs on the page. */
export interface Shown {
  readonly artifact: AnyArtifact;
  readonly now: Choice;
}

const details = element('code', HTMLDetailsElement);
let shown: Shown | null = null;
let panel: typeof import('./panel') | null = null;

details.addEventListener('toggle', () => void enter());

/** Sets the network of the programs; null hides the section. */
export function offerCode(next: Shown | null): void {
  shown = next;
  details.hidden = next === null;
  panel?.showCode(next);
}

async function enter(): Promise<void> {
  if (!details.open || panel) return;
  try {
    panel = await import('./panel');
    panel.showCode(shown);
  } catch (error) {
    showFailure(sentence(error));
  }
}
