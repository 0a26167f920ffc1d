/** Downloads the files of an artifact with progress, and verifies their SHA-256. */

import type { Artifact } from './artifact';
import { buildCommand, downloadBytes, type AnyManifest } from './manifest';
import { brokenOff, inside, request } from './request';
import { Failure } from './failure';

export interface Progress {
  readonly loaded: number;
  readonly total: number;
}

/** Downloads the files of the format `reads`; returns them by path. Throws a `Failure`; `signal` aborts. */
export async function downloadFiles(
  artifact: Artifact<AnyManifest>,
  reads: string,
  onProgress: (progress: Progress) => void = () => {},
  signal: AbortSignal | null = null,
): Promise<Map<string, ArrayBuffer>> {
  const total = downloadBytes(artifact.manifest, reads);
  let loaded = 0;
  const all = new AbortController();
  signal?.addEventListener('abort', () => all.abort(signal.reason), { signal: all.signal });
  const count = (bytes: number) => {
    loaded += bytes;
    if (!all.signal.aborted) onProgress({ loaded: Math.min(loaded, total), total });
  };
  const paths = Object.keys(artifact.manifest.files).filter((path) => path.startsWith(`${reads}/`));
  const files = await Promise.all(
    paths.map(async (path) => [path, await downloadListed(artifact, path, all.signal, count)] as const),
  ).finally(() => all.abort()); // one failure cancels the other downloads
  return new Map(files);
}

/** Downloads a file of the manifest; throws a `Failure` unless its size and SHA-256 match. */
export async function downloadListed(
  artifact: Artifact<AnyManifest>,
  path: string,
  signal: AbortSignal | null,
  onBytes: (bytes: number) => void = () => {},
): Promise<ArrayBuffer> {
  const { folder, manifest } = artifact;
  const name = `${path} of ${manifest.name}`;
  const listed = manifest.files[path];
  if (!listed)
    throw new Failure(`${name} is not listed in its manifest.json and is not loaded: ${rebuild(artifact)}.`);
  const response = await request(inside(folder, path), name, rebuild(artifact), signal);
  const wrong = new Failure(
    `${name} does not match its sha256 in manifest.json and is not used: ${rebuild(artifact)}.`,
  );
  const bytes = await readBytes(response, listed.bytes, onBytes, wrong).catch((error: unknown) => {
    signal?.throwIfAborted();
    throw error === wrong ? wrong : brokenOff(name);
  });
  if ((await sha256(bytes)) !== listed.sha256) throw wrong;
  return bytes;
}

async function readBytes(
  response: Response,
  expected: number,
  onBytes: (bytes: number) => void,
  wrong: Failure,
): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(expected);
  let at = 0;
  const reader = response.body!.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    if (at + part.value.length > expected) {
      await reader.cancel();
      throw wrong;
    }
    bytes.set(part.value, at);
    at += part.value.length;
    onBytes(part.value.length);
  }
  if (at < expected) throw wrong;
  return bytes.buffer;
}

export async function sha256(bytes: ArrayBuffer): Promise<string> {
  if (!globalThis.crypto?.subtle) {
    throw new Failure('Files can be verified only on a secure page: open it over HTTPS or at 127.0.0.1.');
  }
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export const rebuild = (artifact: Artifact<AnyManifest>) =>
  `build the artifact again with "${buildCommand(artifact.manifest)}"`;
