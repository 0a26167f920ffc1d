/** Files that the visitor chose or dropped, with their paths; folders and zip files are unpacked. */

import { unzip, type Unzipped } from 'fflate';
import { Failure } from '../artifact/failure';
import { bytes } from '../ui/page';

export interface Found {
  /** With slashes, without a leading one. */
  readonly path: string;
  readonly file: Blob;
}

/** More than any network that a browser can run. */
const MOST_BYTES = 1e9;
const MOST_FILES = 5000;

/** Files that were chosen one by one; those of a chosen folder have a path. */
export function listed(files: readonly File[]): Found[] {
  return files.map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

/** The files in dropped files and folders. */
export async function collect(entries: readonly FileSystemEntry[]): Promise<Found[]> {
  const found: Found[] = [];
  const left = [...entries];
  for (let entry = left.shift(); entry; entry = left.shift()) {
    if (entry.isDirectory) left.push(...(await childrenOf(entry as FileSystemDirectoryEntry)));
    else found.push({ path: entry.fullPath.replace(/^\//, ''), file: await fileOf(entry as FileSystemFileEntry) });
    if (found.length + left.length > MOST_FILES) throw new Failure(`${entry.name} has more than ${MOST_FILES} files: open the folder of one network.`);
  }
  return found;
}

/** The files, with those inside instead of a single zip file. Throws a `Failure` if they are too large, or damaged. */
export async function unpack(found: readonly Found[]): Promise<readonly Found[]> {
  const [first, second] = found;
  const total = found.reduce((sum, { file }) => sum + file.size, 0);
  if (total > MOST_BYTES) throw tooLarge(first!.path, total);
  if (!first || second || !/\.zip$/i.test(first.path)) return found;
  return unpackZip(first.path, new Uint8Array(await first.file.arrayBuffer()));
}

async function unpackZip(name: string, packed: Uint8Array): Promise<Found[]> {
  let total = 0;
  let count = 0;
  const unpacked = await new Promise<Unzipped>((resolve, reject) => {
    try {
      unzip(
        packed,
        {
          filter: ({ name: path, originalSize }) => {
            if (path.endsWith('/')) return false;
            if (isOutside(path)) throw new Failure(`${name} has the path "${path}", which leaves its folder: it is not opened.`);
            total += originalSize;
            if (total > MOST_BYTES) throw tooLarge(name, total);
            if (++count > MOST_FILES) throw new Failure(`${name} has more than ${MOST_FILES} files: pack the folder of one network.`);
            return true;
          },
        },
        (error, files) => (error ? reject(error) : resolve(files)),
      );
    } catch (error) {
      reject(error instanceof Error ? error : new Error(String(error)));
    }
  }).catch((error: unknown) => {
    if (error instanceof Failure) throw error;
    throw new Failure(`${name} is damaged or is not a zip file: pack the folder of the network again.`);
  });
  return Object.entries(unpacked).map(([path, content]) => ({ path, file: new Blob([content as BlobPart]) }));
}

const isOutside = (path: string): boolean => /^[/\\]|^[A-Za-z]:|\\|\0/.test(path) || path.split('/').includes('..');

const tooLarge = (name: string, total: number): Failure =>
  new Failure(`${name} has ${bytes(total)}, and this page opens at most ${bytes(MOST_BYTES)}: run it from your own code.`);

async function childrenOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const children: FileSystemEntry[] = [];
  // Chromium gives at most 100 at once.
  for (let part = await readSome(reader); part.length > 0; part = await readSome(reader)) children.push(...part);
  return children;
}

const readSome = (reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> =>
  new Promise((resolve, reject) => reader.readEntries(resolve, reject)).catch(unreadable) as Promise<FileSystemEntry[]>;

const fileOf = (entry: FileSystemFileEntry): Promise<File> =>
  new Promise((resolve, reject) => entry.file(resolve, reject)).catch(unreadable) as Promise<File>;

function unreadable(): never {
  throw new Failure('The browser could not read the dropped files: choose them with "Open files…".');
}
