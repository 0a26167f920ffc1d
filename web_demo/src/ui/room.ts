/** A section whose code loads when it is first opened. */

import { sentence } from '../artifact/failure';
import { element } from './page';
import { showFailure } from './status';

/** The code of a section. */
interface Room<Field> {
  /** Shows what the section is about; null while there is no network. */
  readonly showField: (field: Field | null) => void;
}

/** Returns the function that sets what a section is about, which shows while it is open; null hides the section. */
export function room<Field>(id: string, load: () => Promise<Room<Field>>): (field: Field | null) => void {
  const details = element(id, HTMLDetailsElement);
  let field: Field | null = null;
  let shown: Field | null = null;
  let entered: Room<Field> | null = null;
  const enter = async () => {
    if (!details.open) return;
    try {
      entered ??= await load();
      if (shown !== field) entered.showField((shown = field));
    } catch (error) {
      showFailure(sentence(error));
    }
  };
  details.addEventListener('toggle', () => void enter());
  return (next) => {
    field = next;
    details.hidden = next === null;
    if (next) void enter();
    else if (shown) entered!.showField((shown = null));
  };
}
