/** The caches of one site: its page, by version, and the files of its networks. */

import { site } from './site';

declare const self: ServiceWorkerGlobalScope;

/** Other sites may share the origin. */
const MINE = `genotype-zoo ${self.registration.scope} `;

export const PAGE = `${MINE}page ${site?.version}`;
export const MODELS = `${MINE}models`;

/** Deletes the caches of this site, except those in `kept`. */
export async function deleteCaches(kept: readonly string[] = []): Promise<void> {
  const names = (await caches.keys()).filter((name) => name.startsWith(MINE) && !kept.includes(name));
  await Promise.all(names.map((name) => caches.delete(name)));
}
