/** An error whose message is shown on the page: a sentence that names the fault and the remedy. */
export class Failure extends Error {
  override name = 'Failure';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The message of any error, as a sentence. */
export function sentence(error: unknown): string {
  if (error instanceof Failure) return error.message;
  return `Unexpected error: ${messageOf(error).replace(/\.?\s*$/, '')}. Reload the page, or choose another backend.`;
}
