/** Pictures to try: the images of the fixture, and for CIFAR-10 classes the drawn ones of this page. */

import type { Artifact } from '../artifact/artifact';
import { className, type Manifest } from '../artifact/manifest';
import { inside, request } from '../artifact/request';
import type { Cases } from '../artifact/cases';
import { remember } from '../address/address';
import { element, make, paint } from './page';
import { readsPhotos } from '../image/picture';

const MOST_SAMPLES = 20;

/** The files in pictures/: the classes of CIFAR-10. */
const DRAWN = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];

type ChooseSample = (pixels: Float32Array, truth: string | null) => void;
type ChoosePicture = (picture: () => Promise<Blob>, truth: string) => void;

/** Shows a button for each drawn picture, if the network has their classes, and for each fixture image. */
export function showSamples(
  { manifest }: Artifact,
  cases: Cases,
  onSample: ChooseSample,
  onPicture: ChoosePicture,
): void {
  const drawn = readsPhotos(manifest) && DRAWN.every((name) => manifest.labels.includes(name));
  // With pictures to choose, unlabeled noise is left out.
  const { labels } = manifest.fixture;
  const images = drawn && !labels ? [] : imagesOf(cases).slice(0, MOST_SAMPLES);
  element('samples', HTMLElement).replaceChildren(
    ...(drawn ? DRAWN.map((name) => pictureButton(name, onPicture)) : []),
    ...images.map((pixels, i) => sampleButton(manifest, pixels, labels?.[i], i, onSample)),
  );
  const title = element('samples-title', HTMLElement);
  title.hidden = false;
  title.firstChild!.textContent = drawn ? 'Pictures ' : 'Samples ';
  title.lastElementChild!.textContent = drawn
    ? `one per class, computer-drawn${images.length > 0 ? ', then test images' : ''}`
    : labels
      ? 'with true labels'
      : 'of random noise';
}

/** Chooses a sample by its name in the address; null and unknown names choose none. */
export function takeSample(name: string | null): void {
  buttons().find(({ dataset }) => dataset.sample === name)?.click();
}

const buttons = (): HTMLButtonElement[] => [...element('samples', HTMLElement).querySelectorAll('button')];

export function forgetSamples(): void {
  element('samples', HTMLElement).replaceChildren();
  element('samples-title', HTMLElement).hidden = true;
}

/** The raw pixels of each image of the fixture. */
function imagesOf({ each }: Cases): Float32Array[] {
  return each.flatMap(({ inputs }) => Object.values(inputs).map(({ data }) => data as Float32Array));
}

function sampleButton(
  manifest: Manifest,
  pixels: Float32Array,
  label: number | undefined,
  i: number,
  onChoose: ChooseSample,
): HTMLButtonElement {
  const truth = label === undefined ? null : className(manifest, label);
  const button = make('button');
  button.type = 'button';
  button.setAttribute('aria-label', truth === null ? `Sample ${i + 1}` : `Sample ${i + 1}, labeled ${truth}`);
  const canvas = make('canvas');
  paint(canvas, pixels, manifest.input.width, manifest.input.height);
  button.append(canvas, truth ?? String(i + 1));
  offer(button, String(i + 1), () => onChoose(pixels, truth));
  return button;
}

function pictureButton(name: string, onChoose: ChoosePicture): HTMLButtonElement {
  const address = inside(new URL('.', location.href), `pictures/${name}.jpg`);
  const button = make('button');
  button.type = 'button';
  const image = make('img');
  image.src = address.href;
  image.alt = '';
  button.append(image, name);
  const download = async () => (await request(address, `The picture of ${name}`, 'build the page again')).blob();
  offer(button, name, () => onChoose(download, name));
  return button;
}

/** Makes a button choose a sample, which is then in the address. */
function offer(button: HTMLButtonElement, sample: string, choose: () => void): void {
  button.dataset.sample = sample;
  button.addEventListener('click', () => {
    choose(); // drops the last sample from the address
    remember({ sample });
  });
}
