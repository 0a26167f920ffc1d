/**
 * The service worker of a static site: visits without a connection, and the headers that threads need.
 *
 * `zoo demo --build` writes the site in front of it. As it is, in `zoo demo` and in sites built with `--no-offline`, it
 * removes itself: the switch that ends offline visits.
 */

import { answer, forgetModels, keepOne, keepPage } from './answers';
import { deleteCaches, MODELS, PAGE } from './caches';
import { pathOf, site, type Site } from './site';

declare const self: ServiceWorkerGlobalScope;

/** As of `zoo demo`: cross-origin isolation, which WebAssembly threads require. */
const HEADERS = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** Serves visits of the site from the network and the caches. */
function serve({ core }: Site): void {
  self.addEventListener('install', (event) => {
    event.waitUntil(keepPage(core).then(() => self.skipWaiting()));
  });
  self.addEventListener('activate', (event) => {
    event.waitUntil(deleteCaches([PAGE, MODELS]).then(() => self.clients.claim()));
  });
  self.addEventListener('fetch', (event) => {
    const { request } = event;
    if (request.method !== 'GET' || request.headers.has('range') || pathOf(request.url) === null) return;
    // Whatever fails here, the request still goes to the server.
    event.respondWith(answer(request.url).catch(() => fetch(request)).then(isolated));
  });
  // The page sends what it loaded before this worker was there.
  self.addEventListener('message', (event) => {
    const { keep } = event.data as { keep: readonly string[] };
    event.waitUntil(keepAll(keep.filter((address) => pathOf(address) !== null)));
  });
}

/** Replaces the worker of an earlier build, deletes what it kept, and leaves. */
function leave(): void {
  self.addEventListener('install', () => void self.skipWaiting());
  self.addEventListener('activate', (event) => {
    event.waitUntil(Promise.all([deleteCaches(), self.registration.unregister()]));
  });
}

if (site) serve(site);
else leave();

async function keepAll(addresses: readonly string[]): Promise<void> {
  const isManifest = (address: string) => address.endsWith('/manifest.json');
  // Manifests first: they list the hashes of the other files.
  for (const group of [addresses.filter(isManifest), addresses.filter((address) => !isManifest(address))]) {
    await Promise.allSettled(group.map(keepOne));
  }
  await forgetModels();
}

function isolated(response: Response): Response {
  if (response.type === 'opaqueredirect' || response.type === 'error') return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
