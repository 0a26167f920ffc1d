/** What the manifest tells about a network, and the samples of its fixture. */

import { className, downloadBytes, inside, type Artifact } from './artifact';
import type { Fixture } from './download';
import { amount, bytes, element, make, paint, percent, row } from './page';

const MOST_SAMPLES = 20;

export function showFacts({ folder, manifest }: Artifact): void {
  const { genotype, paper, source, network, input, metrics } = manifest;
  document.title = `${manifest.name} · genotype-zoo`;
  element('title', HTMLElement).textContent = manifest.name;
  element('lead', HTMLElement).textContent = manifest.trained
    ? `The ${genotype} cell, trained in PyTorch and running in this browser. What you draw stays on this device.`
    : `The ${genotype} cell, built in PyTorch and running in this browser, not trained yet.`;
  element('untrained', HTMLElement).hidden = manifest.trained;
  const accuracy =
    metrics.test_accuracy === undefined
      ? manifest.trained
        ? 'not measured'
        : 'untrained'
      : `${percent(metrics.test_accuracy)} right`;
  const on =
    metrics.test_accuracy === undefined
      ? ''
      : ` on ${metrics.images ?? ''} test images of ${metrics.data ?? input.data}`;
  element('facts', HTMLDListElement).replaceChildren(
    row('Genotype', genotype),
    ...(paper ? [row('Paper', paper)] : []),
    ...(source ? [row('Source', source.startsWith('search run ') ? `found by ${source}` : source)] : []),
    row('Test accuracy', `${accuracy}${on}`),
    row('Network', `${network.kind}, ${network.layers} cells, ${network.channels} channels`),
    row('Input', `${input.width} × ${input.height}, ${input.channels === 1 ? 'gray' : 'colour'}`),
    row('Parameters', amount(manifest.parameters)),
    row('Multiply-adds', amount(manifest.multiply_adds)),
    row('Download', `${bytes(downloadBytes(manifest))}, ${manifest.precision}`),
  );
  const cell = element('cell', HTMLImageElement);
  cell.alt = `Drawing of the ${genotype} cell: its nodes, and the operations on the edges between them`;
  cell.hidden = !('cell.svg' in manifest.files);
  if (!cell.hidden) cell.src = inside(folder, 'cell.svg').href;
}

/** Buttons with the fixture's images. */
export function showSamples(
  { manifest }: Artifact,
  fixture: Fixture,
  onChoose: (pixels: Float32Array, truth: string | null) => void,
): void {
  const { width, height } = manifest.input;
  const buttons = fixture.images.slice(0, MOST_SAMPLES).map((pixels, i) => {
    const number = fixture.labels?.[i];
    const truth = number === undefined ? null : className(manifest, number);
    const button = make('button');
    button.type = 'button';
    button.setAttribute('aria-label', truth === null ? `Sample ${i + 1}` : `Sample ${i + 1}, labelled ${truth}`);
    const canvas = make('canvas');
    paint(canvas, pixels, width, height);
    button.append(canvas, truth ?? String(i + 1));
    button.addEventListener('click', () => onChoose(pixels, truth));
    return button;
  });
  element('samples', HTMLElement).replaceChildren(...buttons);
  element('samples-title', HTMLElement).lastElementChild!.textContent = fixture.labels
    ? 'with their true labels'
    : 'of random noise';
}
