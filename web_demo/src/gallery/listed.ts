/** What the index of the site tells of a network, and the orders of the gallery. */

import { isShown, type Entry } from '../artifact/artifact';
import { isRecord, isText } from '../artifact/manifest';
import type { Choice } from '../choice/choice';
import { amount, bytes, milliseconds, percent } from '../ui/page';
import { timeOf } from '../choice/times';

/** A network of the site; null for what its manifest lacks. */
export interface Listed {
  readonly entry: Entry;
  readonly data: string | null;
  readonly metric: 'accuracy' | 'perplexity' | null;
  /** Test accuracy, 0 to 1, or perplexity. */
  readonly score: number | null;
  readonly parameters: number | null;
  /** Download size by format. */
  readonly sizes: Readonly<Record<string, unknown>>;
  /** The path of its drawing in its folder. */
  readonly drawing: string | null;
  /** Whether the page can produce its input. */
  readonly shown: boolean;
}

export function readListed(entry: Entry): Listed {
  const fields = entry as Entry & Readonly<Record<string, unknown>>;
  const metric = isNumber(fields.accuracy) ? 'accuracy' : isNumber(fields.perplexity) ? 'perplexity' : null;
  return {
    entry,
    data: isText(fields.data) ? fields.data : null,
    metric,
    score: metric && numberOf(fields[metric]),
    parameters: numberOf(fields.parameters),
    sizes: isRecord(fields.bytes) ? fields.bytes : {},
    drawing: isText(fields.drawing) ? fields.drawing : null,
    shown: isShown(entry.channels),
  };
}

/** A quantity of a network that depends at most on the runtime and backend. */
export interface Quantity {
  readonly title: string;
  readonly of: (listed: Listed, choice: Choice) => number | null;
  readonly text: (value: number) => string;
}

/** Less is better in each. */
export const QUANTITIES = {
  time: { title: 'Time on this device', of: ({ entry }, choice) => timeOf(entry, choice), text: milliseconds },
  download: { title: 'Download', of: ({ sizes }, { runtime }) => numberOf(sizes[runtime.reads]), text: bytes },
  parameters: { title: 'Parameters', of: ({ parameters }) => parameters, text: amount },
} as const satisfies Record<string, Quantity>;

export type QuantityName = keyof typeof QUANTITIES;

export const scoreText = (metric: Listed['metric'], score: number): string =>
  metric === 'perplexity' ? score.toFixed(1) : percent(score);

/** Best first; networks without a score last. Accuracies come before perplexities. */
export function byScore(one: Listed, other: Listed): number {
  return rank(one) - rank(other);
}

function rank({ metric, score }: Listed): number {
  if (score === null) return Number.MAX_VALUE;
  return metric === 'perplexity' ? 1 + score : -score;
}

/** Smallest first; networks without a value last. */
export function byQuantity(quantity: Quantity, choice: Choice): (one: Listed, other: Listed) => number {
  const value = (listed: Listed) => quantity.of(listed, choice) ?? Number.MAX_VALUE;
  return (one, other) => value(one) - value(other);
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const numberOf = (value: unknown): number | null => (isNumber(value) ? value : null);
