/** Artifacts that the visitor opened from files: they answer requests for addresses that no server has. */

/** Files by path, of each opened artifact, by the address of its folder. */
const opened = new Map<string, ReadonlyMap<string, Blob>>();
const links = new Map<Blob, string>();

/** Lets `folder` answer requests with `files`, by their paths; replaces what it had. */
export function mount(folder: URL, files: ReadonlyMap<string, Blob>): void {
  unmount(folder);
  opened.set(folder.href, files);
}

export function unmount(folder: URL): void {
  for (const file of opened.get(folder.href)?.values() ?? []) {
    if (links.has(file)) URL.revokeObjectURL(links.get(file)!);
    links.delete(file);
  }
  opened.delete(folder.href);
}

export const isOpened = (folder: URL): boolean => opened.has(folder.href);

/** The answer for an address in an opened folder; null for the others, which a server answers. */
export function answerFor(address: URL): Response | null {
  const found = fileAt(address);
  if (found === null) return null;
  return found ? new Response(found) : new Response(null, { status: 404 });
}

/** The address of a file for elements, which do not ask `answerFor`. */
export function linkTo(address: URL): string {
  const file = fileAt(address);
  if (!file) return address.href;
  // Files from a zip have no type, without which an image is not decoded.
  const typed = address.pathname.endsWith('.svg') ? file.slice(0, file.size, 'image/svg+xml') : file;
  if (!links.has(file)) links.set(file, URL.createObjectURL(typed));
  return links.get(file)!;
}

function fileAt({ href }: URL): Blob | undefined | null {
  for (const [folder, files] of opened) {
    if (href.startsWith(folder)) return files.get(decoded(href.slice(folder.length)));
  }
  return null;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path; // a name with a percent sign
  }
}
