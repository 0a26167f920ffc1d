/** The list of models on the page. */

import { isShown, type Entry } from '../artifact/artifact';
import { element } from '../ui/page';

const picker = element('model', HTMLSelectElement);
let entries: readonly Entry[] = [];

/** Calls `onPick` with each model that the visitor chooses. */
export function connectModels(onPick: (entry: Entry) => void): void {
  picker.addEventListener('change', () => onPick(entries[picker.selectedIndex]!));
}

export function listModels(models: readonly Entry[]): void {
  entries = models;
  picker.replaceChildren(
    ...entries.map(({ name, channels }) => new Option(isShown(channels) ? name : `${name} (${channels} channels)`)),
  );
  picker.disabled = false;
}

/** Adds a model; one of the same name is replaced. */
export function addModel(entry: Entry): void {
  listModels([...entries.filter(({ name }) => name !== entry.name), entry]);
}

/** Selects the model of this name, else the first that is easy to try, an image classifier; null if there are none. */
export function selectModel(name: string | null): Entry | null {
  const named = entries.findIndex((entry) => entry.name === name);
  const pictures = ({ task, channels }: Entry) => (task ?? 'image-classification') === 'image-classification' && isShown(channels);
  picker.selectedIndex = Math.max(0, named >= 0 ? named : entries.findIndex(pictures));
  return entries[picker.selectedIndex] ?? null;
}

/** Shows that the site has no models; files can still be opened. */
export function showNoModels(): void {
  if (entries.length === 0) picker.replaceChildren(new Option('No models'));
}
