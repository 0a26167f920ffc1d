/** Where the pictures of a class come from: the page, files, and the camera while a button is held. */

import type { Artifact } from '../artifact/artifact';
import { Failure } from '../artifact/failure';
import { openPicture, picturePixels } from '../image/picture';
import { cameraRuns, toggleCamera } from '../ui/inputs';
import type { ClassCard } from './classes';

const MOST_PICTURES = 2000;
/** Of the pixels of all pictures. */
const MOST_BYTES = 256e6;
/** Between two recorded pictures. */
const RECORD_MS = 150;

/** Adds a picture to a class. */
export type Keep = (to: ClassCard, pixels: Float32Array) => Promise<void>;

/** Throws a `Failure` if another picture would be too much for a page. */
export function refuseTooMany(classes: readonly ClassCard[], { byteLength }: Float32Array): void {
  const most = Math.min(MOST_PICTURES, Math.floor(MOST_BYTES / byteLength));
  if (classes.reduce((sum, { examples }) => sum + examples.length, 0) < most) return;
  throw new Failure(`This page keeps at most ${most.toLocaleString('en')} pictures of this size: delete some.`);
}

/** Adds the picture on the page; throws a `Failure` if there is none. */
export async function take(to: ClassCard, pixels: Float32Array | null, keep: Keep): Promise<void> {
  if (!pixels) throw new Failure('There is no picture on the page: draw one, choose a sample or a picture, or start the camera.');
  await keep(to, pixels);
}

/** Adds the pictures in some files; throws a `Failure` for those that are not pictures, or show no digit. */
export async function read({ manifest }: Artifact, to: ClassCard, files: readonly File[], keep: Keep): Promise<void> {
  const empty: string[] = [];
  for (const file of files) {
    const source = await openPicture(file, file.name);
    const pixels = await picturePixels(manifest, { source, width: source.width, height: source.height });
    source.close(); // up to 200 MB for a photo
    if (pixels) await keep(to, pixels);
    else empty.push(file.name);
  }
  if (empty.length > 0) throw new Failure(`No digit found in ${empty.join(', ')}: choose pictures with a single digit, dark on bright paper or bright on dark.`);
}

/** Adds pictures of the running camera, each once, as long as `held` says so. */
export async function record(to: ClassCard, pixels: () => Float32Array | null, held: () => boolean, keep: Keep): Promise<void> {
  for (let last: Float32Array | null = null; held() && cameraRuns(); await pause(RECORD_MS)) {
    const now = pixels();
    if (now && now !== last) await keep(to, (last = now));
  }
}

/** Starts the camera of the page, or stops it; resolves when that is done. Throws a `Failure` if it does not start. */
export async function switchCamera(signal: AbortSignal): Promise<void> {
  const wanted = !cameraRuns();
  let ended = false;
  let failed: string | null = null;
  // A camera that starts, ends when it stops.
  void toggleCamera().then((why) => ([ended, failed] = [true, why]));
  while (!ended && cameraRuns() !== wanted && !signal.aborted) await pause(50);
  if (failed !== null) throw new Failure(failed);
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
