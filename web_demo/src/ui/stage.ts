/** What stands on the left of the page: a pad for drawings, a frame for photos, a sheet to write on, or tensors. */

import { isImages, isStep, type AnyArtifact, type Artifact, type Manifest, type TensorsManifest } from '../artifact/artifact';
import { element } from './page';
import { cutAsImageNet, readsPhotos } from '../image/picture';

/** Classes that are named; the others are counted. */
const MOST_NAMED = 20;

export async function showStage(artifact: AnyArtifact): Promise<void> {
  const images = isImages(artifact);
  const step = isStep(artifact);
  element('looking', HTMLElement).hidden = !images;
  element('answer', HTMLElement).hidden = !images;
  element('writing', HTMLElement).hidden = !step;
  element('tensors', HTMLElement).hidden = images || step;
  if (images) showLooking(artifact);
  else if (step) skipTo('prompt', 'prompt');
  else {
    skipTo('tensors-title', 'inputs and outputs');
    const { showTensors } = await import('../tensors/sheet'); // most visitors never see one
    showTensors(artifact as Artifact<TensorsManifest>);
  }
}

function showLooking({ manifest }: Artifact): void {
  const photos = readsPhotos(manifest);
  element('stage-title', HTMLElement).textContent = photos ? 'Look' : 'Draw';
  element('hint', HTMLElement).textContent = photos ? 'Drop or paste a photo here' : 'Draw here';
  element('undo', HTMLElement).hidden = photos;
  element('pad-help', HTMLElement).hidden = photos;
  element('pen', HTMLElement).textContent = '';
  element('photo-help', HTMLElement).hidden = !photos;
  if (photos) element('photo-help', HTMLElement).textContent = whatItKnows(manifest);
  const pad = element('pad', HTMLCanvasElement);
  pad.setAttribute('role', photos ? 'img' : 'application');
  pad.setAttribute('aria-label', photos ? 'The photo that is looked at' : 'Drawing pad');
  pad.setAttribute('aria-describedby', photos ? 'photo-help' : 'pad-help');
  pad.tabIndex = photos ? -1 : 0;
  pad.classList.toggle('photo', photos);
  skipTo(photos ? 'choose' : 'pad', photos ? 'pictures' : 'drawing pad');
}

function skipTo(id: string, name: string): void {
  const skip = element('skip', HTMLAnchorElement);
  skip.href = `#${id}`;
  skip.textContent = `Skip to the ${name}`;
}

function whatItKnows(manifest: Manifest): string {
  const { labels, network, input } = manifest;
  const named = labels.slice(0, MOST_NAMED).join(', ');
  const more = labels.length > MOST_NAMED ? ` and ${labels.length - MOST_NAMED} more` : '';
  const list = labels.length > 0 ? `: ${named}${more}` : '';
  const part = cutAsImageNet(manifest) ? 'the middle square without its margin' : 'the middle square';
  return (
    `This network knows ${network.num_classes} classes${list}. Whatever it is shown, it answers with one of them. ` +
    `Choose, drop or paste a photo, or use the camera, with one thing in the middle: ${part} is all it ` +
    `sees, made as small as the ${input.width} × ${input.height} images that it learned from.`
  );
}
