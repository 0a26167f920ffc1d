/** A race as a Markdown table. */

import { sizeNote } from '../choice/panel';
import { TITLES } from '../runtime/backends';
import { milliseconds, scientific } from '../ui/page';
import { medianOf, type Lane } from './race';

const HEAD = ['Network', 'Runtime', 'Backend', 'Download', 'Load and first run', 'Median', 'Runs', 'Largest difference'];

export function tableText(title: string, lanes: readonly Lane[]): string {
  const rows = lanes.map((lane) => {
    const { entrant, choice, startMs, agreement, times, error } = lane;
    const middle = medianOf(lane);
    const verdict = agreement ? `${scientific(agreement.difference)} ${agreement.ok ? '✓' : '✗'}` : '';
    return [
      entrant.artifact.manifest.name,
      choice.runtime.title,
      TITLES[choice.backend],
      sizeNote(choice, entrant.artifact.manifest),
      startMs === null ? '' : milliseconds(startMs),
      error ?? (middle === null ? '' : milliseconds(middle)),
      String(times.length),
      verdict,
    ];
  });
  const lines = [HEAD, HEAD.map((name) => (/^(Network|Runtime|Backend)$/.test(name) ? '---' : '--:')), ...rows];
  return [title, '', ...lines.map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '/')).join(' | ')} |`)].join('\n');
}
