/** The lists of runtimes, and of the backends of the chosen one. */

import { downloadBytes, type AnyManifest } from '../artifact/manifest';
import { TITLES, type Backend } from '../runtime/backends';
import { bytes, element, make } from '../ui/page';
import { choose, isOpen, type Choice, type Offer, type Wish } from './choice';
import { codeBytes } from './code';

const runtimes = element('runtimes', HTMLFieldSetElement);
const backends = element('backends', HTMLFieldSetElement);

/** Shows `offers` with `chosen` selected; unavailable ones are disabled, with the reason. */
export function showChoice(
  offers: readonly Offer[],
  chosen: Choice,
  manifest: AnyManifest | null,
  onChoose: (wish: Wish) => void,
): void {
  const offer = offers.find(({ runtime }) => runtime === chosen.runtime)!;
  fill(
    runtimes,
    offers.map((one) => {
      const { name, title } = one.runtime;
      const { backend } = choose([one], { runtime: name, backend: chosen.backend });
      const note = isOpen(one) ? sizeNote({ runtime: one.runtime, backend }, manifest) : 'Not available in this browser';
      const pick = () => onChoose({ runtime: name, backend: chosen.backend });
      return row('runtime', name, title, note, !isOpen(one), one === offer, pick);
    }),
  );
  fill(
    backends,
    offer.backends.map(({ backend, reason, note }) =>
      row('backend', backend, TITLES[backend], reason === null ? note : `Not available: ${reason}`, reason !== null,
        backend === chosen.backend, () => onChoose({ runtime: offer.runtime.name, backend })),
    ),
  );
}

/** Download size of the model and the code of a choice. */
export function sizeNote(choice: Choice, manifest: AnyManifest | null): string {
  const model = manifest ? `${bytes(downloadBytes(manifest, choice.runtime.reads))} model` : '';
  const code = codeBytes(choice);
  return [model, code === null ? '' : `${bytes(code)} code`].filter((part) => part !== '').join(' + ');
}

function row(
  group: 'runtime' | 'backend',
  value: string | Backend,
  title: string,
  note: string,
  disabled: boolean,
  checked: boolean,
  onChange: () => void,
): HTMLLabelElement {
  const label = make('label');
  const radio = make('input');
  Object.assign(radio, { type: 'radio', name: group, value, disabled, checked });
  radio.addEventListener('change', onChange);
  label.append(radio, make('span', '', title), make('small', '', note));
  return label;
}

/** Replaces the rows of a list; keyboard focus moves to the selected one. */
function fill(list: HTMLFieldSetElement, rows: readonly HTMLLabelElement[]): void {
  const focused = list.contains(document.activeElement);
  list.replaceChildren(list.querySelector('legend')!, ...rows);
  if (focused) list.querySelector<HTMLInputElement>('input:checked')?.focus();
}
