/** The left side of the page: a drawing pad, a photo, a text generator, or tables of tensors. */

import { isImages, isStep, type AnyArtifact, type Artifact } from '../artifact/artifact';
import type { Manifest, TensorsManifest } from '../artifact/manifest';
import { element } from './page';
import { cutAsImageNet, readsPhotos } from '../image/picture';

/** Longer class lists are cut after this many names. */
const MOST_NAMED = 20;

export async function showStage(artifact: AnyArtifact): Promise<void> {
  const images = isImages(artifact);
  const step = isStep(artifact);
  // With its styles, before its section shows.
  const sheet = images || step ? null : await import('../tensors/sheet');
  element('looking', HTMLElement).hidden = !images;
  element('answer', HTMLElement).hidden = !images;
  element('writing', HTMLElement).hidden = !step;
  element('tensors', HTMLElement).hidden = images || step;
  if (images) showLooking(artifact);
  else if (step) skipTo('prompt', 'prompt');
  else {
    skipTo('tensors-title', 'inputs and outputs');
    sheet!.showTensors(artifact as Artifact<TensorsManifest>);
  }
}

function showLooking({ manifest }: Artifact): void {
  const photos = readsPhotos(manifest);
  element('stage-title', HTMLElement).textContent = photos ? 'Picture' : 'Draw';
  element('hint', HTMLElement).textContent = photos ? 'Drop or paste a photo here' : 'Draw here';
  element('undo', HTMLElement).hidden = photos;
  element('pad-help', HTMLElement).hidden = photos;
  element('pen', HTMLElement).textContent = '';
  element('photo-help', HTMLElement).hidden = !photos;
  if (photos) element('photo-help', HTMLElement).textContent = photoHelp(manifest);
  const pad = element('pad', HTMLCanvasElement);
  pad.setAttribute('role', photos ? 'img' : 'application');
  pad.setAttribute('aria-label', photos ? 'Chosen photo' : 'Drawing pad');
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

function photoHelp(manifest: Manifest): string {
  const { labels, network, input } = manifest;
  const named = labels.slice(0, MOST_NAMED).join(', ');
  const more = labels.length > MOST_NAMED ? ` and ${labels.length - MOST_NAMED} more` : '';
  const list = labels.length > 0 ? `: ${named}${more}` : '';
  const part = cutAsImageNet(manifest) ? 'the center square without its margin' : 'the center square';
  return (
    `Choose, drop or paste a photo, or use the camera, with one object in the center. The network sees ` +
    `${part}, scaled to ${input.width} × ${input.height} pixels, and knows ${network.num_classes} classes${list}.`
  );
}
