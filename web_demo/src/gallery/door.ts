/** The section of all networks of the site; its code is loaded when it is opened. */

import type { Entry } from '../artifact/artifact';
import type { Choice } from '../choice/choice';
import type { Availability } from '../runtime/backends';
import { element } from '../ui/page';
import { room } from '../ui/room';

export interface Collection {
  readonly entries: readonly Entry[];
  readonly survey: readonly Availability[];
  /** The choice of the page. */
  readonly now: () => Choice;
}

const offer = room<Collection>('gallery', async () => (await import('./panel')).showField);

/** Shows the section if there are several networks. */
export function offerGallery(collection: Collection): void {
  const { length } = collection.entries;
  element('gallery-lead', HTMLElement).textContent = `${length} networks`;
  offer(length > 1 ? collection : null);
}
