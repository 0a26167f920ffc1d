/** Makes a static site installable, and keeps what this visit loaded for visits without a connection. */

const page = new URL('.', location.href);
/** What workers loaded, which the page does not see. */
const loaded = new Set<string>();
let started = false;

/** Keeps the files that the page loaded, and those at `addresses`, which a worker loaded. */
export async function keepVisit(addresses: readonly string[]): Promise<void> {
  if (!('serviceWorker' in navigator)) return; // not HTTPS
  for (const address of addresses) loaded.add(address);
  if (started) return tell(); // the files of another network or runtime
  started = true;
  addManifest();
  // The first worker, or that of a new build, starts with the page and nothing that this visit loaded before.
  navigator.serviceWorker.addEventListener('controllerchange', tell);
  try {
    // Browsers ask the server for a newer worker on each visit, past the HTTP cache.
    await navigator.serviceWorker.register(new URL('sw.js', page), { updateViaCache: 'none' });
    tell();
  } catch (error) {
    console.warn('The page is not kept for offline visits:', error);
  }
}

/** Sends the worker what this visit loaded; it keeps what it lacks. */
function tell(): void {
  const own = performance.getEntriesByType('resource').map(({ name }) => name);
  navigator.serviceWorker.controller?.postMessage({ keep: [...new Set([...own, ...loaded])] });
}

function addManifest(): void {
  const link = document.createElement('link');
  link.rel = 'manifest';
  link.href = new URL('site.webmanifest', page).href;
  document.head.append(link);
}
