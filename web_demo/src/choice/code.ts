/** Code size of each runtime and backend, as measured by the build of the page. */

import { keyOf, type Choice } from './choice';

interface Bytes {
  readonly plain: number;
  readonly gzip: number;
}

/** Bytes to download; null in development, where no build measured them. */
export function codeBytes(choice: Choice): number | null {
  const key = keyOf(choice);
  const builds = [
    globalThis.crossOriginIsolated && choice.backend === 'wasm' && `${key}+threads`,
    'Suspending' in WebAssembly && `${key}+jspi`,
    key,
  ];
  const counted = builds.map((build) => (build ? COUNTED[build] : undefined)).find((bytes) => bytes !== undefined);
  return counted ? counted[isCompressing() ? 'gzip' : 'plain'] : null;
}

const COUNTED = JSON.parse(document.getElementById('code-bytes')?.textContent || '{}') as Readonly<Record<string, Bytes>>;

/** Whether the server compresses code, judged by the scripts of this page. */
function isCompressing(): boolean {
  const scripts = performance.getEntriesByType('resource') as PerformanceResourceTiming[];
  return scripts.some(({ name, encodedBodySize, decodedBodySize }) => /\.js$/.test(name) && encodedBodySize < decodedBodySize);
}
