/** The report of a search in a frame; the address of the page holds its epoch. */

import { readAddress, remember } from '../address/address';
import { isText } from '../artifact/manifest';
import { element, make } from '../ui/page';

const panel = element('found-panel', HTMLElement);
const frame = make('iframe', 'report');
frame.title = 'Report of the search';
const link = make('a', '', 'Open the report by itself');
let report = '';

addEventListener('message', ({ source, origin, data }: MessageEvent<unknown>) => {
  if (source === null || source !== frame.contentWindow || origin !== location.origin) return;
  const epoch = (data as { epoch?: unknown } | null)?.epoch;
  if (epoch !== null && !(isText(epoch) && /^\d+$/.test(epoch))) return;
  remember({ epoch }, true);
  link.href = addressAt(epoch);
});
addEventListener('popstate', () => {
  const { epoch } = readAddress();
  frame.contentWindow?.postMessage({ epoch }, location.origin);
  link.href = addressAt(epoch);
});

/** Shows the report at an address, at the epoch in the address of the page; null empties the room. */
export function showReport(address: string | null): void {
  panel.replaceChildren();
  if (address === null) return;
  report = address;
  frame.src = link.href = addressAt(readAddress().epoch);
  panel.append(frame, link);
}

const addressAt = (epoch: string | null): string => (epoch === null ? report : `${report}?${new URLSearchParams({ epoch })}`);
