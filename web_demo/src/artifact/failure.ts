/** What went wrong, as a sentence for the person at the page: it names the thing and the remedy. */
export class Failure extends Error {
  override name = 'Failure';
}

/** What any error says of itself. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The sentence of any error; one that nobody foresaw says so. */
export function sentence(error: unknown): string {
  if (error instanceof Failure) return error.message;
  return `Something that the page did not foresee went wrong: ${messageOf(error).replace(/\.?\s*$/, '')}. Reload the page, or choose another backend.`;
}
