/** The section inside the cell, which a click on the drawing of the cell also opens. */

import type { AnyArtifact } from '../artifact/artifact';
import { element } from '../ui/page';
import { room } from '../ui/room';

const show = room<AnyArtifact>('inside', async () => (await import('./panel')).showField);

element('cell', HTMLImageElement).addEventListener('click', () => {
  const section = element('inside', HTMLDetailsElement);
  section.open = true;
  section.scrollIntoView();
});

/** Sets the artifact whose cell is drawn; null hides the section. */
export function offerInside(artifact: AnyArtifact | null): void {
  show(artifact && 'cell.svg' in artifact.manifest.files ? artifact : null);
}
