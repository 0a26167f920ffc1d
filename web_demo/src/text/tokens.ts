/** Text to the tokens of a language model and back, as `zoo train` reads texts. */

import type { Unit } from '../artifact/artifact';

/** Closes a line of a text in words. */
const END_OF_LINE = '<eos>';

/** Stands for any word outside the vocabulary, where training text had it. */
const UNKNOWN = '<unk>';

export interface Read {
  readonly ids: readonly number[];
  /** Tokens that the model does not know, each once. */
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

  /** What tokens are called, for so many of them. */
  count(tokens: number): string {
    const name = this.unit === 'char' ? 'character' : 'word';
    return `${tokens.toLocaleString('en')} ${name}${tokens === 1 ? '' : 's'}`;
  }

  get inWords(): boolean {
    return this.unit === 'word';
  }

  /** Whether unknown words are read as a token of their own; else they are left out. */
  get hasUnknown(): boolean {
    return this.unit === 'word' && this.ids.has(UNKNOWN);
  }

  /** The ids of a text: characters, or what stands between blanks with each line's end a word too. */
  read(text: string): Read {
    const found = this.unit === 'char' ? [...text] : wordsOf(text);
    const other = this.hasUnknown ? this.ids.get(UNKNOWN) : undefined;
    const ids = found.map((token) => this.ids.get(token) ?? other).filter((id) => id !== undefined);
    return { ids, unknown: [...new Set(found.filter((token) => !this.ids.has(token)))] };
  }

  /** What a text without a prompt goes on from: the end of a line. */
  get beginning(): number {
    return this.ids.get(this.unit === 'char' ? '\n' : END_OF_LINE) ?? 0;
  }

  /** A token as it is written behind the text so far. */
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
