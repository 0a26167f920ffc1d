/** The metadata of a network, from its manifest. */

import { isImages, isStep, type AnyArtifact } from '../artifact/artifact';
import { isBare, type AnyManifest, type Manifest, type StepManifest } from '../artifact/manifest';
import { linkTo } from '../artifact/local';
import { inside } from '../artifact/request';
import { amount, element, percent, row } from './page';
import { readsPhotos } from '../image/picture';

/** Clears the metadata, and shows the name of the next network. */
export function forgetFacts(name: string): void {
  showName(name);
  for (const id of ['lead', 'facts']) element(id, HTMLElement).replaceChildren();
  for (const id of ['untrained', 'untrained-text', 'cell', 'cell-card']) element(id, HTMLElement).hidden = true;
}

export function showFacts(artifact: AnyArtifact): void {
  const { folder, manifest } = artifact;
  const { genotype, origin, paper, source, licence, precision } = manifest;
  showName(manifest.name);
  element('lead', HTMLElement).textContent = lead(artifact);
  for (const id of ['untrained', 'untrained-text']) element(id, HTMLElement).hidden = manifest.trained;
  element('facts', HTMLDListElement).replaceChildren(
    ...(genotype ? [row('Genotype', genotype)] : []),
    ...(origin ? [row('From', origin.file)] : []),
    ...(paper ? [row('Paper', paper)] : []),
    ...(source ? [row('Source', source.startsWith('search run ') ? `found by ${source}` : source)] : []),
    ...(isStep(artifact) ? languageFacts(artifact.manifest) : []),
    ...(isImages(artifact) ? imageFacts(artifact.manifest) : []),
    ...(manifest.parameters > 0 ? [row('Parameters', amount(manifest.parameters))] : []),
    ...(isImages(artifact) && artifact.manifest.multiply_adds
      ? [row('Multiply-adds', amount(artifact.manifest.multiply_adds))]
      : []),
    ...(precision ? [row('Weights', precision)] : []),
    ...(licence ? [row('License', licence)] : []),
    ...agreements(manifest),
  );
  const cell = element('cell', HTMLImageElement);
  cell.alt = `Diagram of the ${genotype ?? ''} cell: nodes, and operations on its edges`;
  // A recurrent cell is one narrow drawing, a convolutional cell two wide ones.
  cell.classList.toggle('narrow', isStep(artifact));
  cell.hidden = element('cell-card', HTMLElement).hidden = !('cell.svg' in manifest.files);
  if (!cell.hidden) cell.src = linkTo(inside(folder, 'cell.svg'));
}

function showName(name: string): void {
  document.title = `${name} · genotype-zoo`;
  element('title', HTMLElement).textContent = name;
}

function lead(artifact: AnyArtifact): string {
  const { genotype, origin, name, network, trained } = artifact.manifest;
  if (isBare(network)) return `${name}, opened on this device. Nothing is uploaded.`;
  if (!genotype) return `${origin?.file ?? name}, converted for browsers. ${privacy(artifact)}`;
  return trained
    ? `The ${genotype} cell, trained in PyTorch, running in your browser. ${privacy(artifact)}`
    : `The ${genotype} cell, untrained, running in your browser.`;
}

function privacy(artifact: AnyArtifact): string {
  if (isStep(artifact)) return 'Your text stays on this device.';
  if (!isImages(artifact)) return 'Nothing is uploaded.';
  return readsPhotos(artifact.manifest) ? 'Your photos stay on this device.' : 'Your drawings stay on this device.';
}

function imageFacts({ metrics = {}, network, input, trained, genotype }: Manifest): HTMLElement[] {
  const measured = metrics.test_accuracy !== undefined;
  const remark = metrics.remark ? `, ${metrics.remark}` : '';
  const without = trained ? 'not measured' : 'untrained';
  const accuracy = row(
    'Test accuracy',
    measured
      ? `${percent(metrics.test_accuracy!)} on ${metrics.images?.toLocaleString('en') ?? ''} test images of ${metrics.data ?? input.data}${remark}`
      : without,
  );
  const cells = network.layers && network.channels ? `, ${network.layers} cells, ${network.channels} channels` : '';
  return [
    ...(measured || genotype ? [accuracy] : []),
    ...(cells ? [row('Network', `${network.kind}${cells}`)] : []),
    row('Input', `${input.width} × ${input.height}, ${input.channels === 1 ? 'gray' : 'color'}`),
  ];
}

function languageFacts({ metrics = {}, network, input, trained }: StepManifest): HTMLElement[] {
  const unit = input.unit === 'char' ? 'character' : 'word';
  const without = trained ? 'not measured' : 'untrained';
  return [
    row(
      'Test perplexity',
      metrics.test_perplexity === undefined
        ? without
        : `${metrics.test_perplexity.toFixed(2)} per ${unit}${metrics.data ? ` on ${metrics.data}` : ''}`,
    ),
    row('Network', `language, hidden size ${network.hidden}`),
    row('Vocabulary', `${network.vocabulary.toLocaleString('en')} ${unit}s`),
  ];
}

/** How often reduced-precision weights predict the same class as float32. */
function agreements({ agreement }: AnyManifest): HTMLElement[] {
  const count = (images: number) => Math.round(images).toLocaleString('en');
  return (agreement ?? []).map(({ images, share, where }) =>
    row('Agreement with float32', `${count(share * images)} of ${count(images)} test images (${where})`),
  );
}
