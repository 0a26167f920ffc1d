/** Converts text to tokens and back, like `zoo train`. */

import type { Unit } from '../artifact/manifest';

/** Token at the end of each line, for word models. */
const END_OF_LINE = '<eos>';

/** Token for words outside the vocabulary, if the training text has it. */
const UNKNOWN = '<unk>';

export interface Read {
  readonly ids: readonly number[];
  /** Distinct tokens outside the vocabulary. */
  readonly unknown: readonly string[];
}

export class Vocabulary {
  private readonly ids: ReadonlyMap<string, number>;

  constructor(
    private readonly tokens: readonly string[],
    private readonly unit: Unit,
  ) {
    this.ids = new Map(tokens.map((token, id) => [token, id]));
  }

  /** "1 word", "500 characters". */
  count(tokens: number): string {
    const name = this.unit === 'char' ? 'character' : 'word';
    return `${tokens.toLocaleString('en')} ${name}${tokens === 1 ? '' : 's'}`;
  }

  get inWords(): boolean {
    return this.unit === 'word';
  }

  /** Whether unknown words become <unk>; otherwise they are ignored. */
  get hasUnknown(): boolean {
    return this.unit === 'word' && this.ids.has(UNKNOWN);
  }

  /** The ids of a text, split into characters, or at spaces into words with a token for each line end. */
  read(text: string): Read {
    const found = this.unit === 'char' ? [...text] : wordsOf(text);
    const other = this.hasUnknown ? this.ids.get(UNKNOWN) : undefined;
    const ids = found.map((token) => this.ids.get(token) ?? other).filter((id) => id !== undefined);
    return { ids, unknown: [...new Set(found.filter((token) => !this.ids.has(token)))] };
  }

  /** The first token without a prompt: the end of a line. */
  get beginning(): number {
    return this.ids.get(this.unit === 'char' ? '\n' : END_OF_LINE) ?? 0;
  }

  /** The text of a token. */
  write(id: number): string {
    const token = this.tokens[id]!;
    if (this.unit === 'char') return token;
    return token === END_OF_LINE ? '\n' : `${token} `;
  }
}

function wordsOf(text: string): string[] {
  const lines = text.split('\n').map((line) => line.split(/\s+/).filter((word) => word !== ''));
  return lines.flatMap((words, i) => (i + 1 < lines.length ? [...words, END_OF_LINE] : words));
}
