/**
 * The section with the report of the search that found the cell; it is loaded when the section is opened.
 *
 * The address of the page holds the epoch that the report shows.
 */

import { readAddress, remember } from '../address/address';
import type { Entry } from '../artifact/artifact';
import { isText } from '../artifact/manifest';
import { element, make } from '../ui/page';

const details = element('found', HTMLDetailsElement);
const panel = element('found-panel', HTMLElement);
const link = make('a', '', 'Open the report by itself');
let address: string | null = null;
let frame: HTMLIFrameElement | null = null;

details.addEventListener('toggle', show);
addEventListener('message', ({ source, origin, data }: MessageEvent<unknown>) => {
  if (!frame || source !== frame.contentWindow || origin !== location.origin) return;
  const epoch = (data as { epoch?: unknown } | null)?.epoch;
  if (epoch !== null && !(isText(epoch) && /^\d+$/.test(epoch))) return;
  remember({ epoch }, true);
  link.href = reportAt(epoch);
});

/** Shows the section if the site has the report. */
export function offerFound({ found }: Entry): void {
  address = isText(found) && /^runs\/[\w.-]+\/report\.html$/.test(found) ? found : null;
  details.hidden = address === null;
  panel.replaceChildren();
  frame = null;
  show();
}

/** Shows the epoch in the address of the page, after the visitor went back or forward. */
export function showEpoch(): void {
  const { epoch } = readAddress();
  frame?.contentWindow?.postMessage({ epoch }, location.origin);
  link.href = reportAt(epoch);
}

function show(): void {
  if (!details.open || address === null || frame) return;
  const { epoch } = readAddress();
  frame = make('iframe', 'report');
  frame.title = 'Report of the search';
  frame.src = link.href = reportAt(epoch);
  panel.append(frame, link);
}

const reportAt = (epoch: string | null): string => `${address}${epoch === null ? '' : `?${new URLSearchParams({ epoch })}`}`;
