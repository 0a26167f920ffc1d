/** What went wrong, as a sentence for the person at the page: it names the thing and the remedy. */
export class Failure extends Error {
  override name = 'Failure';
}

/** The sentence of any error; one that nobody foresaw says so. */
export function sentence(error: unknown): string {
  if (error instanceof Failure) return error.message;
  const what = error instanceof Error ? error.message : String(error);
  return `Something that the page did not foresee went wrong: ${what.replace(/\.?\s*$/, '')}. Reload the page, or choose another backend.`;
}
