/** The section that puts another network beside the one on the page. */

import { isImages } from '../artifact/artifact';
import type { Field } from '../race/door';
import { room } from '../ui/room';

const show = room<Field>('compare', async () => (await import('./panel')).showField);

/** Sets the network on the page; the section is hidden unless it is an image classifier. */
export function offerComparison(field: Field | null): void {
  show(field && isImages(field.artifact) ? field : null);
}
