/** The answer: its label and probability, the bars of the next best, and what the network saw. */

import { className, type Manifest } from '../artifact/artifact';
import { element, make, paint, percent } from './page';
import { cutAsImageNet, readsDigits } from '../image/picture';

const MOST_BARS = 5;

const label = element('verdict-label', HTMLElement);
const text = element('verdict-text', HTMLElement);
const spoken = element('spoken', HTMLElement);
const bars = element('bars', HTMLOListElement);
const badge = element('badge', HTMLElement);
const seen = element('seen', HTMLCanvasElement);
const seenText = element('seen-text', HTMLElement);

export function showAnswer(
  manifest: Manifest,
  pixels: Float32Array,
  probabilities: Float32Array,
  truth: string | null,
): void {
  const best = Array.from(probabilities, (share, i) => ({ share, name: className(manifest, i) }))
    .sort((a, b) => b.share - a.share)
    .slice(0, MOST_BARS);
  const { name, share } = best[0]!;
  label.textContent = name;
  label.className = name.length <= 2 ? 'short' : '';
  label.parentElement!.classList.remove('none');
  const right = truth === null ? '' : truth === name ? ', which is right' : `; the right answer is ${truth}`;
  text.textContent = `with a probability of ${percent(share)}${right}`;
  badge.textContent = `${name} · ${percent(share)}`;
  badge.hidden = false;
  say(`${name}, ${percent(share)}${right}`, name);
  drawBars(best);
  const { width, height } = manifest.input;
  paint(seen, pixels, width, height);
  seen.setAttribute('aria-label', `What the network sees, ${width} by ${height} pixels`);
}

/** Tells assistive technology that the answer on the page is about to be replaced. */
export function showBusy(busy: boolean): void {
  element('answer', HTMLElement).setAttribute('aria-busy', String(busy));
}

/** Nothing to classify: says what is missing. */
export function showNothing(reason: string): void {
  label.textContent = '–';
  label.className = 'short';
  label.parentElement!.classList.add('none');
  text.textContent = reason;
  badge.hidden = true;
  say(reason, reason);
  bars.replaceChildren();
  seen.getContext('2d')!.clearRect(0, 0, seen.width, seen.height);
}

/** How pixels are prepared for this network. */
export function describeInput(manifest: Manifest): void {
  const { input } = manifest;
  let way = 'the middle of the picture, each the mean of the area it covers';
  if (readsDigits(manifest)) way = 'stretched, straightened and inked like the scans it learned from';
  if (cutAsImageNet(manifest)) way = 'the middle of the picture, scaled as in the tests of ImageNet';
  seenText.textContent = `${input.width} × ${input.height} pixels, ${way}`;
}

let lastSaid = '';

/** What is asked now was chosen by hand: its answer is spoken even if it is the last one again. */
export function speakAgain(): void {
  lastSaid = '';
}

/** A live camera would talk without end, so only a new answer is spoken. */
function say(sentence: string, answer: string): void {
  if (answer === lastSaid) return;
  lastSaid = answer;
  spoken.textContent = sentence;
}

function drawBars(best: readonly { name: string; share: number }[]): void {
  // Bars that stay in place grow and shrink; new ones would only flicker.
  while (bars.children.length > best.length) bars.lastElementChild!.remove();
  while (bars.children.length < best.length) bars.append(emptyBar());
  best.forEach(({ name, share }, i) => {
    const [nameCell, track, shareCell] = bars.children[i]!.children as unknown as [
      HTMLElement,
      HTMLElement,
      HTMLElement,
    ];
    nameCell.textContent = name;
    shareCell.textContent = percent(share);
    (track.firstElementChild as HTMLElement).style.setProperty('--share', String(share));
  });
}

function emptyBar(): HTMLLIElement {
  const item = make('li');
  const track = make('span', 'track');
  const fill = make('span', 'fill');
  track.append(fill);
  item.append(make('span', 'name'), track, make('span', 'share'));
  return item;
}
