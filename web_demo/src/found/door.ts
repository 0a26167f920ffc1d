/** The room with the report of the search that found the cell. */

import type { Entry } from '../artifact/artifact';
import { isText } from '../artifact/manifest';
import { room } from '../ui/room';

const offer = room<string>('found', async () => (await import('./panel')).showReport);

/** Shows the room if the site has the report. */
export function offerFound({ found }: Entry): void {
  offer(null); // networks with the same cell have the same report
  offer(isText(found) && /^runs\/[\w.-]+\/report\.html$/.test(found) ? found : null);
}
