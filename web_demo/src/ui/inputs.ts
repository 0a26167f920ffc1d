/** Where images come from: the pad, samples, files, the clipboard, the camera. */

import { remember } from '../address/address';
import { speakAgain } from './answer';
import { Camera } from '../image/camera';
import { Pad } from '../image/pad';
import { sentence } from '../artifact/failure';
import { element, paint } from './page';
import { drawingPixels, forShowing, openPicture, picturePixels } from '../image/picture';
import { showFailure } from './status';
import { ask, emptyText, forgetQuestion, session } from './session';

const NO_DIGIT =
  'No digit found in this picture: choose one with a single digit, dark on bright paper or bright on dark.';
const NO_DIGIT_IN_SIGHT = 'No digit in view: center a single digit on plain paper.';

/** Sections of networks that take no pictures, and what those do instead. */
const TASKS_WITHOUT_PICTURES = [
  ['writing', 'generates text'],
  ['tensors', 'takes tensors'],
] as const;

/** Slower backends predict only when the pen is lifted, so that drawing does not lag. */
const LIVE_MS = 40;

const hint = element('hint', HTMLElement);
const cameraButton = element('camera', HTMLButtonElement);
const pad = new Pad(element('pad', HTMLCanvasElement), readPad, (text) => {
  element('pen', HTMLElement).textContent = text;
});
const camera = new Camera(element('camera-view', HTMLVideoElement), (text) => {
  showCamera(false);
  forgetFrame();
  showFailure(text);
});

export function connectInputs(): void {
  const file = element('file', HTMLInputElement);
  const drop = element('drop', HTMLElement);
  element('undo', HTMLButtonElement).addEventListener('click', () => pad.undo());
  element('clear', HTMLButtonElement).addEventListener('click', clearInputs);
  element('choose', HTMLButtonElement).addEventListener('click', () => file.click());
  cameraButton.addEventListener('click', () => void toggleCamera());
  file.addEventListener('change', () => {
    void readFile(file.files?.[0]);
    // Allows the same file to be chosen again.
    file.value = '';
  });
  addEventListener('paste', (event) => {
    // The prompt takes text, even if the clipboard also has a picture of it.
    if (event.target instanceof Element && event.target.matches('textarea, input')) return;
    void readFile(event.clipboardData?.files[0]);
  });
  // Text can be dragged into the prompt.
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
  addEventListener('dragover', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    drop.classList.add('over');
  });
  addEventListener('dragleave', () => drop.classList.remove('over'));
  addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    drop.classList.remove('over');
    void readFile(event.dataTransfer?.files[0]);
  });
}

/** Switches the pad to photos or drawings. */
export function takePhotos(photos: boolean): void {
  pad.photo = photos;
}

/** Counts choices, so that a picture that is decoded after a newer choice is dropped. */
let choices = 0;

/** Starts a new choice and returns its number; the address no longer names a sample. */
function choose(): number {
  stopCamera();
  return next();
}

function next(): number {
  if (session.artifact) remember({ sample: null });
  return ++choices;
}

export function clearInputs(): void {
  stopCamera();
  pad.clear();
}

export async function chooseSample(pixels: Float32Array, truth: string | null): Promise<void> {
  if (!session.artifact) return;
  const mine = choose();
  const { width, height } = session.artifact.manifest.input;
  const canvas = document.createElement('canvas');
  paint(canvas, pixels, width, height);
  const picture = await createImageBitmap(canvas);
  if (mine !== choices) {
    picture.close();
    return;
  }
  show(picture);
  await ask(pixels, truth, emptyText());
}

/** Classifies a picture of the page, whose label is `truth`. */
export function choosePicture(picture: () => Promise<Blob>, truth: string): Promise<void> {
  return readPicture(picture, truth, truth);
}

function readPad(finished: boolean): void {
  next();
  if (!pad.empty) stopCamera();
  hint.hidden = !pad.empty || camera.running;
  if (!session.artifact) return;
  showFailure(null);
  if (finished) speakAgain();
  if (!finished && session.steady > LIVE_MS) return;
  void ask(drawingPixels(session.artifact.manifest, pad.drawing), null, emptyText());
}

async function readFile(file: File | null | undefined): Promise<void> {
  if (file) await readPicture(async () => file, file.name || 'The pasted picture', null);
}

async function readPicture(file: () => Promise<Blob>, name: string, truth: string | null): Promise<void> {
  if (!session.artifact) {
    const other = TASKS_WITHOUT_PICTURES.find(([id]) => !element(id, HTMLElement).hidden);
    if (other && element('loading', HTMLElement).hidden)
      showFailure(`${name} was ignored, because this network ${other[1]}: choose a model for images.`);
    return;
  }
  const mine = choose();
  const { manifest } = session.artifact;
  let whole: ImageBitmap | null = null;
  try {
    whole = await openPicture(await file(), name);
    if (mine !== choices) {
      whole.close();
      return;
    }
    const pixels = await picturePixels(manifest, { source: whole, width: whole.width, height: whole.height });
    const picture = await forShowing(whole);
    if (mine !== choices) {
      picture.close();
      return;
    }
    show(picture);
    await ask(pixels, truth, NO_DIGIT);
  } catch (error) {
    whole?.close(); // up to 200 MB for a photo
    if (mine === choices) showFailure(sentence(error));
  }
}

function show(picture: ImageBitmap): void {
  speakAgain();
  showFailure(null);
  pad.show(picture);
  hint.hidden = true;
}

/** Whether the camera is on. */
export const cameraRuns = (): boolean => camera.running;

/** Starts the camera, and resolves when it has stopped; or stops it. Returns why it did not start, if so. */
export async function toggleCamera(): Promise<string | null> {
  if (camera.running) {
    stopCamera();
    forgetFrame();
    return null;
  }
  if (!session.artifact) return null; // no network takes pictures
  next();
  showFailure(null);
  try {
    const turn = await camera.start();
    if (turn === null) return null;
    pad.clear();
    showCamera(true);
    await watch(turn);
    return null;
  } catch (error) {
    const why = sentence(error);
    stopCamera();
    forgetFrame();
    showFailure(why);
    return why;
  }
}

/** Classifies frame after frame until the camera stops or restarts. */
async function watch(turn: number): Promise<void> {
  while (camera.isAt(turn)) {
    const frame = camera.frame();
    if (frame && session.artifact && session.network) {
      const { artifact } = session;
      const pixels = await picturePixels(artifact.manifest, frame);
      if (camera.isAt(turn) && session.artifact === artifact) await ask(pixels, null, NO_DIGIT_IN_SIGHT);
    }
    // Pauses while the page is in the background.
    await new Promise(requestAnimationFrame);
  }
}

/** Clears the prediction of the last frame; that of a drawing or picture on the pad stays. */
function forgetFrame(): void {
  if (pad.empty && session.artifact) forgetQuestion(emptyText());
}

function stopCamera(): void {
  const on = camera.running;
  camera.stop(); // also a pending permission request
  if (on) showCamera(false);
}

function showCamera(on: boolean): void {
  cameraButton.classList.toggle('on', on);
  cameraButton.textContent = on ? 'Stop camera' : 'Camera';
  hint.hidden = on || !pad.empty;
}
