/**
 * Answers requests from the network or the caches.
 *
 * What can change under its name (the page, the list of models, manifests, pictures) comes from the network whenever
 * there is one, so that no visitor is stuck with an old page. What cannot (code with a hash in its name, files whose
 * SHA-256 is in a manifest) comes from the cache.
 */

import { MODELS, PAGE } from './caches';
import { addressOf, pathOf } from './site';

/** The answer for an address of the site; rejects as fetch() does if there is neither network nor a copy. */
export async function answer(address: string): Promise<Response> {
  const path = pathOf(address)!;
  if (path.startsWith('assets/')) return fromCache(PAGE, addressOf(path), address);
  if (canChange(path)) return fromNetwork(cacheOf(path), path);
  const sha256 = await listedHash(path);
  return sha256 === null ? fetch(address) : fromCache(MODELS, `${addressOf(path)}?sha256=${sha256}`, address, sha256);
}

/** Keeps what is at an address of the site, unless there is a copy. */
export async function keepOne(address: string): Promise<void> {
  const path = pathOf(address)!;
  if (canChange(path) && (await copyOf(cacheOf(path), addressOf(path)))) return;
  await answer(address);
}

const cacheOf = (path: string): string => (path.startsWith('models/') ? MODELS : PAGE);

/** Whether other contents may come under the same name. */
function canChange(path: string): boolean {
  if (path.startsWith('models/')) return path === 'models/index.json' || path.endsWith('/manifest.json');
  return !path.startsWith('assets/');
}

async function fromNetwork(cache: string, path: string): Promise<Response> {
  const key = addressOf(path);
  let response: Response;
  try {
    response = await fetch(key, { cache: 'no-cache' });
  } catch (error) {
    const copy = await copyOf(cache, key);
    if (copy) return copy;
    throw error;
  }
  if (response.ok) await keep(cache, key, response.clone());
  else if (response.status >= 500) return (await copyOf(cache, key)) ?? response;
  return response;
}

async function fromCache(cache: string, key: string, address: string, sha256: string | null = null): Promise<Response> {
  const copy = await copyOf(cache, key);
  if (copy) return copy;
  const response = await fetch(address);
  if (response.status !== 200) return response;
  if (sha256 === null) {
    await keep(cache, key, response.clone());
    return response;
  }
  // A damaged copy would fail on every visit.
  const content = await response.clone().arrayBuffer();
  if (hex(await crypto.subtle.digest('SHA-256', content)) === sha256) await keep(cache, key, response.clone());
  return response;
}

/** The hash of a file in the manifest of its network, as it was last read; null if it has none. */
async function listedHash(path: string): Promise<string | null> {
  const [, model, ...file] = path.split('/');
  const manifest = await copyOf(MODELS, addressOf(`models/${model}/manifest.json`));
  const files = ((await manifest?.json().catch(() => null)) as { files?: Record<string, { sha256?: unknown }> } | null)?.files;
  const sha256 = files?.[file.join('/')]?.sha256;
  return typeof sha256 === 'string' ? sha256 : null;
}

/** Keeps the core of the page; rejects if any of it is missing. */
export async function keepPage(core: readonly string[]): Promise<void> {
  await Promise.all(
    core.map(async (path) => {
      const key = addressOf(path);
      // Names in assets/ have hashes: the copy of the last version is the same.
      const known = path.startsWith('assets/') ? await caches.match(key) : undefined;
      const response = known ?? (await fetch(key, { cache: 'no-cache' }));
      if (!response.ok) throw new Error(`${path}: status ${response.status}`);
      await (await caches.open(PAGE)).put(key, response);
    }),
  );
}

/** Deletes the files of networks that the site no longer has, and of older builds. */
export async function forgetModels(): Promise<void> {
  const cache = await caches.open(MODELS);
  const index = (await (await cache.match(addressOf('models/index.json')))?.json()) as { models?: { path: string }[] } | undefined;
  if (!index?.models) return;
  const folders = index.models.map(({ path }) => path);
  for (const { url } of await cache.keys()) {
    const path = pathOf(url)!;
    const listed = new URL(url).searchParams.get('sha256');
    const gone = path !== 'models/index.json' && !folders.some((folder) => path.startsWith(folder));
    if (gone || (listed !== null && (await listedHash(path)) !== listed)) await cache.delete(url);
  }
}

async function copyOf(cache: string, key: string): Promise<Response | undefined> {
  return (await caches.open(cache)).match(key).catch(() => undefined);
}

/** The disk may be full, or forbidden: the visit goes on without a copy. */
async function keep(cache: string, key: string, response: Response): Promise<void> {
  try {
    await (await caches.open(cache)).put(key, response);
  } catch (error) {
    console.warn('Not kept for offline visits:', error);
  }
}

const hex = (digest: ArrayBuffer): string =>
  Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
