/** The section with the report of the search that found the cell; it is loaded when the section is opened. */

import type { Entry } from '../artifact/artifact';
import { isText } from '../artifact/manifest';
import { element, make } from '../ui/page';

const details = element('found', HTMLDetailsElement);
const panel = element('found-panel', HTMLElement);
let address: string | null = null;

details.addEventListener('toggle', show);

/** Shows the section if the site has the report. */
export function offerFound({ found }: Entry): void {
  address = isText(found) && /^runs\/[\w.-]+\/report\.html$/.test(found) ? found : null;
  details.hidden = address === null;
  panel.replaceChildren();
  show();
}

function show(): void {
  if (!details.open || address === null || panel.hasChildNodes()) return;
  const frame = make('iframe', 'report');
  frame.title = 'Report of the search';
  frame.src = address;
  const link = make('a', '', 'Open the report by itself');
  link.href = address;
  panel.append(frame, link);
}
