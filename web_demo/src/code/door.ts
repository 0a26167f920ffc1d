/** The room with programs that run the network. */

import type { AnyArtifact } from '../artifact/artifact';
import type { Choice } from '../choice/choice';
import { room } from '../ui/room';

/** The open network, and where it runs on the page. */
export interface Shown {
  readonly artifact: AnyArtifact;
  readonly now: Choice;
}

/** Sets the network of the programs; null hides the room. */
export const offerCode = room<Shown>('code', async () => (await import('./panel')).showCode);
