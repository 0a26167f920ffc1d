/** Where images come from: the pad, samples, files, the clipboard, the camera. */

import { speakAgain } from './answer';
import { Camera } from '../image/camera';
import { Pad } from '../image/pad';
import { sentence } from '../artifact/failure';
import { element, paint } from './page';
import { drawingPixels, forShowing, openPicture, picturePixels } from '../image/picture';
import { showFailure } from './status';
import { ask, emptyText, forgetQuestion, session } from './session';

const NO_DIGIT =
  'No digit stands out in this picture: choose one with a single dark digit on bright paper, or the reverse.';
const NO_DIGIT_IN_SIGHT = 'No digit in sight: hold a single one, on plain paper, in the middle.';

/** Sections of the page that hold no pictures, and why. */
const TASKS_WITHOUT_PICTURES = [
  ['writing', 'writes text'],
  ['tensors', 'takes tensors'],
] as const;

/** A backend that needs longer answers when the pen is lifted, so that the pen does not lag. */
const LIVE_MS = 40;

const hint = element('hint', HTMLElement);
const cameraButton = element('camera', HTMLButtonElement);
const pad = new Pad(element('pad', HTMLCanvasElement), readPad, (text) => {
  element('pen', HTMLElement).textContent = text;
});
const camera = new Camera(element('camera-view', HTMLVideoElement), (text) => {
  showCamera(false);
  forgetSight();
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
    // The same file may be chosen again.
    file.value = '';
  });
  addEventListener('paste', (event) => {
    // What is pasted into the prompt is text, though an office program puts a picture of it beside.
    if (event.target instanceof Element && event.target.matches('textarea, input')) return;
    void readFile(event.clipboardData?.files[0]);
  });
  // Text is dragged into and within the prompt.
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

/** Takes photos from here on, or drawings. */
export function takePhotos(photos: boolean): void {
  pad.photo = photos;
}

/** Counts what is chosen: a picture that is ready after a newer choice is not asked about. */
let choices = 0;

/** The number of a new choice, which ends the ones before it. */
function choose(): number {
  stopCamera();
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

/** A picture that comes with the page; `truth` is what it shows. */
export function choosePicture(picture: () => Promise<Blob>, truth: string): Promise<void> {
  return readPicture(picture, truth, truth);
}

function readPad(finished: boolean): void {
  choices += 1;
  if (!pad.empty) stopCamera();
  hint.hidden = !pad.empty || camera.running;
  if (!session.artifact) return;
  showFailure(null);
  if (finished) speakAgain();
  if (!finished && session.steady > LIVE_MS) return;
  void ask(drawingPixels(session.artifact.manifest, pad.drawing), null, emptyText());
}

async function readFile(file: File | null | undefined): Promise<void> {
  if (file) await readPicture(async () => file, file.name || 'What was pasted', null);
}

async function readPicture(file: () => Promise<Blob>, name: string, truth: string | null): Promise<void> {
  if (!session.artifact) {
    const other = TASKS_WITHOUT_PICTURES.find(([id]) => !element(id, HTMLElement).hidden);
    if (other && element('loading', HTMLElement).hidden)
      showFailure(`${name} was not looked at: this network ${other[1]}; choose one of the others for pictures.`);
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
    const pixels = picturePixels(manifest, { source: whole, width: whole.width, height: whole.height });
    const picture = await forShowing(whole);
    if (mine !== choices) {
      picture.close();
      return;
    }
    show(picture);
    await ask(pixels, truth, NO_DIGIT);
  } catch (error) {
    whole?.close(); // a photo's 200 MB
    if (mine === choices) showFailure(sentence(error));
  }
}

function show(picture: ImageBitmap): void {
  speakAgain();
  showFailure(null);
  pad.show(picture);
  hint.hidden = true;
}

async function toggleCamera(): Promise<void> {
  if (camera.running) {
    stopCamera();
    forgetSight();
    return;
  }
  if (!session.artifact) return; // nothing would look at it
  choices += 1;
  showFailure(null);
  try {
    const turn = await camera.start();
    if (turn === null) return;
    pad.clear();
    showCamera(true);
    await watch(turn);
  } catch (error) {
    stopCamera();
    forgetSight();
    showFailure(sentence(error));
  }
}

/** Classifies what the camera shows, and the next picture when that is done, until it stops or starts anew. */
async function watch(turn: number): Promise<void> {
  while (camera.isAt(turn)) {
    const frame = camera.frame();
    if (frame && session.artifact && session.network) {
      await ask(picturePixels(session.artifact.manifest, frame), null, NO_DIGIT_IN_SIGHT);
    }
    // Also rests while the page is in the background.
    await new Promise(requestAnimationFrame);
  }
}

/** The answer to what the camera last saw goes; one to a drawing or a picture that is still here stays. */
function forgetSight(): void {
  if (pad.empty && session.artifact) forgetQuestion(emptyText());
}

function stopCamera(): void {
  const on = camera.running;
  camera.stop(); // or what is only being asked for
  if (on) showCamera(false);
}

function showCamera(on: boolean): void {
  cameraButton.classList.toggle('on', on);
  cameraButton.textContent = on ? 'Stop camera' : 'Camera';
  hint.hidden = on || !pad.empty;
}
