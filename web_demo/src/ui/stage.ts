/** What stands on the left of the page: a pad for drawings, a frame for photos, or a sheet to write on. */

import { isStep, type Artifact, type Manifest, type StepManifest } from '../artifact/artifact';
import { element } from './page';
import { cutAsImageNet, readsPhotos } from '../image/picture';

/** Classes that are named; the others are counted. */
const MOST_NAMED = 20;

export function showStage(artifact: Artifact | Artifact<StepManifest>): void {
  const step = isStep(artifact);
  const photos = !step && readsPhotos(artifact.manifest);
  element('looking', HTMLElement).hidden = step;
  element('answer', HTMLElement).hidden = step;
  element('writing', HTMLElement).hidden = !step;
  element('stage-title', HTMLElement).textContent = photos ? 'Look' : 'Draw';
  element('hint', HTMLElement).textContent = photos ? 'Drop or paste a photo here' : 'Draw here';
  element('undo', HTMLElement).hidden = photos;
  element('pad-help', HTMLElement).hidden = photos;
  element('pen', HTMLElement).textContent = '';
  element('photo-help', HTMLElement).hidden = !photos;
  if (photos) element('photo-help', HTMLElement).textContent = whatItKnows(artifact.manifest);
  const pad = element('pad', HTMLCanvasElement);
  pad.setAttribute('role', photos ? 'img' : 'application');
  pad.setAttribute('aria-label', photos ? 'The photo that is looked at' : 'Drawing pad');
  pad.setAttribute('aria-describedby', photos ? 'photo-help' : 'pad-help');
  pad.tabIndex = photos ? -1 : 0;
  pad.classList.toggle('photo', photos);
  const skip = element('skip', HTMLAnchorElement);
  const [target, name] = step ? ['prompt', 'prompt'] : photos ? ['choose', 'pictures'] : ['pad', 'drawing pad'];
  skip.href = `#${target}`;
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
