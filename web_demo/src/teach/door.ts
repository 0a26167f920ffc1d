/** The room in which the visitor teaches the network on the page new classes. */

import { isImages } from '../artifact/artifact';
import type { Field } from '../race/door';
import { room } from '../ui/room';

const show = room<Field>('teach', async () => (await import('./panel')).showField);

/** Sets the network to teach; the section is hidden unless it is an image classifier. */
export function offerTeaching(field: Field | null): void {
  show(field && isImages(field.artifact) ? field : null);
}
