/** The site, which `zoo demo --build` writes in front of this worker, and its addresses. */

declare const self: ServiceWorkerGlobalScope & { readonly site?: Site };

export interface Site {
  /** Changes with any file of the page. */
  readonly version: string;
  /** What every visit needs, without runtimes and networks. */
  readonly core: readonly string[];
}

/** Null where the site is not to be kept. */
export const site: Site | null = self.site ?? null;

/** The path of an address in the site, without its query; null outside. */
export function pathOf(address: string): string | null {
  const { origin, pathname } = new URL(address);
  const home = new URL(self.registration.scope);
  if (origin !== home.origin || !pathname.startsWith(home.pathname)) return null;
  return decodeURI(pathname.slice(home.pathname.length)) || 'index.html';
}

export const addressOf = (path: string): string => new URL(encodeURI(path), self.registration.scope).href;
