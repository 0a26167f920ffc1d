/** Requests to the site: addresses inside a folder, and failures with their remedy. */

import { Failure } from './failure';
import { answerFor } from './local';

/** The URL of `path` in `folder`; throws a `Failure` if it is outside. */
export function inside(folder: URL, path: string): URL {
  const address = new URL(path, folder);
  const home = new URL('.', folder);
  // new URL() has resolved "..", encoded dots, absolute paths and schemes.
  if (!address.href.startsWith(home.href)) {
    throw new Failure(
      `"${path}" is outside of its folder and is not loaded: build the artifact again with "zoo build".`,
    );
  }
  return address;
}

export async function readJson(
  address: URL,
  name: string,
  remedy: string,
  signal: AbortSignal | null = null,
): Promise<unknown> {
  const response = await request(address, name, remedy, signal);
  try {
    return await response.json();
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof SyntaxError ? new Failure(`${name} is not JSON: ${remedy}.`) : brokenOff(name);
  }
}

/** fetch(), also from opened files; throws a `Failure`; `signal` aborts. */
export async function request(
  address: URL,
  name: string,
  remedy: string,
  signal: AbortSignal | null = null,
): Promise<Response> {
  let response: Response;
  try {
    response = answerFor(address) ?? await fetch(address, { redirect: 'error', signal });
  } catch {
    signal?.throwIfAborted();
    throw new Failure(
      `${name} could not be loaded, because the server did not respond: check that "zoo demo" is still running, then reload the page.`,
    );
  }
  if (response.status === 404) throw new Failure(`${name} was not found: ${remedy}.`);
  if (!response.ok)
    throw new Failure(`${name} could not be loaded (status ${response.status}): ${remedy}.`);
  return response;
}

/** The failure of an incomplete download. */
export function brokenOff(name: string): Failure {
  return new Failure(
    `The download of ${name} was interrupted: check the connection and that "zoo demo" is still running, then reload the page.`,
  );
}
