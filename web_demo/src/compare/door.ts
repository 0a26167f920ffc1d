/** The section that puts another network beside the one on the page. */

import { isImages } from '../artifact/artifact';
import type { Field } from '../race/door';
import { room } from '../ui/room';

const show = room<Field>('compare', () => import('./panel'));

/** Sets the network on the page; the section is hidden unless it is an image classifier. */
export function offerComparison(field: Field | null): void {
  show(field && isImages(field.artifact) ? field : null);
}
