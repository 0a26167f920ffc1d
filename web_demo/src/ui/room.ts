/** A section whose code loads when it is first opened. */

import { sentence } from '../artifact/failure';
import { element } from './page';
import { showFailure } from './status';

/** The code of a section. */
interface Room<Field> {
  /** Shows what the section is about; null while there is no network. */
  readonly showField: (field: Field | null) => void;
}

/** Returns the function that sets what a section is about; null hides the section. */
export function room<Field>(id: string, load: () => Promise<Room<Field>>): (field: Field | null) => void {
  const details = element(id, HTMLDetailsElement);
  let field: Field | null = null;
  let entered: Room<Field> | null = null;
  details.addEventListener('toggle', async () => {
    if (!details.open || entered) return;
    try {
      entered = await load();
      entered.showField(field);
    } catch (error) {
      showFailure(sentence(error));
    }
  });
  return (next) => {
    field = next;
    details.hidden = next === null;
    entered?.showField(next);
  };
}
