/** Work that is repeated for the newest state of the page, one run at a time, while a section is open. */

import { sentence } from '../artifact/failure';

/**
 * Returns a function that does `work`, and again if it is called meanwhile. While `section` is closed, the work waits
 * until it opens. `work` can ask whether its state is outdated. Errors go to `fail`.
 */
export function latest(
  section: HTMLDetailsElement,
  work: (outdated: () => boolean) => Promise<void>,
  fail: (why: string) => void,
): () => Promise<void> {
  let busy = false;
  let stale = false;
  const again = async () => {
    stale = true;
    if (busy) return;
    busy = true;
    try {
      while (stale && section.open) {
        stale = false;
        await work(() => stale);
      }
    } catch (error) {
      fail(sentence(error));
    } finally {
      busy = false;
    }
  };
  section.addEventListener('toggle', () => stale && void again());
  return again;
}
