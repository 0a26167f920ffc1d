/** An error whose message is shown on the page: a sentence that names the fault and the remedy. */
export class Failure extends Error {
  override name = 'Failure';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** How Chromium, Firefox and Safari say that import() failed: without a connection, or after a newer page was published. */
const NO_CODE = /dynamically imported module|importing a module script failed/i;

/** The message of any error, as a sentence. */
export function sentence(error: unknown): string {
  if (error instanceof Failure) return error.message;
  if (NO_CODE.test(messageOf(error))) return 'A part of the page could not be loaded: check the connection, and reload the page.';
  return `Unexpected error: ${messageOf(error).replace(/\.?\s*$/, '')}. Reload the page, or choose another backend.`;
}
