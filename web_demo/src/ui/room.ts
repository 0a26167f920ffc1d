/** A room: a section below the network whose code is loaded when it is opened. */

import { sentence } from '../artifact/failure';
import { element } from './page';
import { showFailure } from './status';

type Show<Field> = (field: Field | null) => void;

/**
 * Connects the <details> of a room, and returns the function that sets what the room is about; null hides it. `load`
 * imports the code, which shows that once the room is open.
 */
export function room<Field>(id: string, load: () => Promise<Show<Field>>): Show<Field> {
  const details = element(id, HTMLDetailsElement);
  let field: Field | null = null;
  let shown: Field | null = null;
  let show: Show<Field> | null = null;
  const enter = async () => {
    if (!details.open) return;
    try {
      show ??= await load();
      if (shown !== field) show((shown = field));
    } catch (error) {
      showFailure(sentence(error));
    }
  };
  details.addEventListener('toggle', () => void enter());
  return (next) => {
    field = next;
    details.hidden = next === null;
    if (next) void enter();
    else if (shown) show!((shown = null));
  };
}
