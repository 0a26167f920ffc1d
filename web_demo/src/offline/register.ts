/** Makes a static site installable, and keeps what this visit loaded for visits without a connection. */

const page = new URL('.', location.href);

/** Keeps the files that the page loaded, and those at `addresses`, which a worker loaded. */
export async function keepVisit(addresses: readonly string[]): Promise<void> {
  if (!('serviceWorker' in navigator)) return; // not HTTPS
  addManifest();
  try {
    // Browsers ask the server for a newer worker on each visit, past the HTTP cache.
    await navigator.serviceWorker.register(new URL('sw.js', page), { updateViaCache: 'none' });
    const { active } = await navigator.serviceWorker.ready;
    const own = performance.getEntriesByType('resource').map(({ name }) => name);
    active?.postMessage({ keep: [...new Set([...own, ...addresses])] });
  } catch (error) {
    console.warn('The page is not kept for offline visits:', error);
  }
}

function addManifest(): void {
  if (document.querySelector('link[rel=manifest]')) return;
  const link = document.createElement('link');
  link.rel = 'manifest';
  link.href = new URL('site.webmanifest', page).href;
  document.head.append(link);
}
