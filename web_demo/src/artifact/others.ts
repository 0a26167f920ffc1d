/** The other image networks of the site, for the picture that this one sees. */

import { isImages, readIndex, type AnyArtifact, type Entry } from './artifact';
import type { Manifest } from './manifest';

/** All image networks but `here`; none if `here` takes no picture. Throws a `Failure`. */
export async function othersOf(page: URL, here: AnyArtifact): Promise<Entry[]> {
  if (!isImages(here)) return [];
  const entries = await readIndex(page);
  return entries.filter(
    ({ task, path }) => (task ?? 'image-classification') === 'image-classification' && new URL(path, page).href !== here.folder.href,
  );
}

/** Why `other` cannot take the pixels of `own`, or null. */
export function refusalOf(own: Manifest, other: Manifest): string | null {
  if ((['height', 'width', 'channels'] as const).every((size) => own.input[size] === other.input[size])) return null;
  const { height, width, channels } = other.input;
  return `${other.name} takes pictures of ${width} × ${height} pixels in ${channels === 1 ? 'gray' : 'color'}, so it cannot see this one.`;
}
