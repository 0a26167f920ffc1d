/** A race as a Markdown table. */

import { TITLES } from '../runtime/backends';
import { milliseconds, scientific } from '../ui/page';
import { medianOf, type Lane } from './race';

const HEAD = ['Runtime', 'Backend', 'Download', 'Load and first run', 'Median', 'Runs', 'Largest difference'];

export function tableText(title: string, lanes: readonly Lane[], size: (lane: Lane) => string): string {
  const rows = lanes.map((lane) => {
    const { choice, startMs, agreement, times, error } = lane;
    const middle = medianOf(lane);
    const verdict = agreement ? `${scientific(agreement.difference)} ${agreement.ok ? '✓' : '✗'}` : '';
    return [
      choice.runtime.title,
      TITLES[choice.backend],
      size(lane),
      startMs === null ? '' : milliseconds(startMs),
      error ?? (middle === null ? '' : milliseconds(middle)),
      String(times.length),
      verdict,
    ];
  });
  const lines = [HEAD, HEAD.map((name) => (/^(Runtime|Backend)$/.test(name) ? '---' : '--:')), ...rows];
  return [title, '', ...lines.map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '/')).join(' | ')} |`)].join('\n');
}
