/** Takes a taught network home: its name, and the button that downloads its zip. */

import { make } from '../ui/page';
import { pack, plainName, type Lesson } from './packed';
import type { Taught } from './taught';

export class Saving {
  readonly root = make('div', 'tools teach-save');
  private readonly field = make('input', 'field');
  private readonly download = make('button', '', 'Download zip');

  constructor(onSave: () => void) {
    const label = make('label', 'teach-name', 'Name ');
    label.append(this.field);
    this.field.autocomplete = 'off';
    this.download.type = 'button';
    this.download.addEventListener('click', onSave);
    this.root.append(label, this.download);
  }

  /** The name of the taught network. */
  get name(): string {
    return this.field.value;
  }

  set name(text: string) {
    this.field.value = plainName(text);
  }

  /** Downloads the zip and returns what to do with it; throws a `Failure` as `pack` does. */
  async save(taught: Taught, lesson: Omit<Lesson, 'name'>, signal: AbortSignal): Promise<string> {
    this.download.disabled = true;
    try {
      this.name = this.field.value;
      const zip = await pack(taught, { ...lesson, name: this.name }, signal);
      const link = make('a');
      link.href = URL.createObjectURL(zip);
      link.download = `${this.name}.zip`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
      return `${link.download} is saved: "zoo build ${link.download} --export onnx" reads it, and so does "Open files…" on this page.`;
    } finally {
      this.download.disabled = false;
    }
  }
}
