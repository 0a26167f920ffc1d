/** What the manifest tells about a network. */

import {
  downloadBytes,
  inside,
  isStep,
  type AnyManifest,
  type Artifact,
  type Manifest,
  type StepManifest,
} from '../artifact/artifact';
import { amount, bytes, element, percent, row } from './page';
import { readsPhotos } from '../image/picture';

/** Takes away what was told of another network than `name`. */
export function forgetFacts(name: string): void {
  showName(name);
  for (const id of ['lead', 'facts']) element(id, HTMLElement).replaceChildren();
  for (const id of ['untrained', 'untrained-text', 'cell']) element(id, HTMLElement).hidden = true;
}

export function showFacts(artifact: Artifact | Artifact<StepManifest>): void {
  const { folder, manifest } = artifact;
  const { genotype, paper, source } = manifest;
  showName(manifest.name);
  element('lead', HTMLElement).textContent = manifest.trained
    ? `The ${genotype} cell, trained in PyTorch and running in this browser. ${privacy(artifact)}`
    : `The ${genotype} cell, built in PyTorch and running in this browser, not trained yet.`;
  for (const id of ['untrained', 'untrained-text']) element(id, HTMLElement).hidden = manifest.trained;
  element('facts', HTMLDListElement).replaceChildren(
    row('Genotype', genotype),
    ...(paper ? [row('Paper', paper)] : []),
    ...(source ? [row('Source', source.startsWith('search run ') ? `found by ${source}` : source)] : []),
    ...(isStep(artifact) ? languageFacts(artifact.manifest) : imageFacts(artifact.manifest)),
    row('Download', `${bytes(downloadBytes(manifest))}, ${manifest.precision}`),
    ...agreements(manifest),
  );
  const cell = element('cell', HTMLImageElement);
  cell.alt = `Drawing of the ${genotype} cell: its nodes, and the operations on the edges between them`;
  // A recurrent cell is one narrow drawing, a convolutional one two wide ones.
  cell.classList.toggle('narrow', isStep(artifact));
  cell.hidden = !('cell.svg' in manifest.files);
  if (!cell.hidden) cell.src = inside(folder, 'cell.svg').href;
}

function showName(name: string): void {
  document.title = `${name} · genotype-zoo`;
  element('title', HTMLElement).textContent = name;
}

function privacy(artifact: Artifact | Artifact<StepManifest>): string {
  if (isStep(artifact)) return 'What you write stays on this device.';
  return readsPhotos(artifact.manifest) ? 'Your photos stay on this device.' : 'What you draw stays on this device.';
}

function imageFacts({ metrics, network, input, trained, ...manifest }: Manifest): HTMLElement[] {
  const measured = metrics.test_accuracy !== undefined;
  const remark = metrics.remark ? `, ${metrics.remark}` : '';
  const without = trained ? 'not measured' : 'untrained';
  return [
    row(
      'Test accuracy',
      measured
        ? `${percent(metrics.test_accuracy!)} right on ${metrics.images ?? ''} test images of ${metrics.data ?? input.data}${remark}`
        : without,
    ),
    row('Network', `${network.kind}, ${network.layers} cells, ${network.channels} channels`),
    row('Input', `${input.width} × ${input.height}, ${input.channels === 1 ? 'gray' : 'color'}`),
    row('Parameters', amount(manifest.parameters)),
    ...(manifest.multiply_adds === null ? [] : [row('Multiply-adds', amount(manifest.multiply_adds))]),
  ];
}

function languageFacts({ metrics, network, input, trained, parameters }: StepManifest): HTMLElement[] {
  const unit = input.unit === 'char' ? 'character' : 'word';
  const without = trained ? 'not measured' : 'untrained';
  return [
    row(
      'Test perplexity',
      metrics.test_perplexity === undefined
        ? without
        : `${metrics.test_perplexity.toFixed(2)} a ${unit}${metrics.data ? ` on ${metrics.data}` : ''}`,
    ),
    row('Network', `language, ${network.hidden} wide`),
    row('Vocabulary', `${network.vocabulary.toLocaleString('en')} ${unit}s`),
    row('Parameters', amount(parameters)),
  ];
}

/** Of rounded weights: how often they answer as the float32 ones. */
function agreements({ agreement }: AnyManifest): HTMLElement[] {
  const count = (images: number) => Math.round(images).toLocaleString('en');
  return (agreement ?? []).map(({ images, share, where }) =>
    row('Same answers', `${count(share * images)} of ${count(images)} test images as with float32 (${where})`),
  );
}
