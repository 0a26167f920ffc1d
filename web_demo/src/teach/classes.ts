/** The classes of the visitor: their names, and their pictures. */

import { Failure } from '../artifact/failure';
import { counted, make, paint } from '../ui/page';

/** A picture: its raw pixels, and what the network makes of them. */
export interface Example {
  readonly pixels: Float32Array;
  readonly features: Float32Array;
}

export interface Acts {
  /** Adds the picture on the page. */
  readonly take: (to: ClassCard) => void;
  readonly open: (to: ClassCard, files: readonly File[]) => void;
  /** Called when the record button is pressed and released. */
  readonly hold: (to: ClassCard, held: boolean) => void;
  readonly remove: (card: ClassCard) => void;
  /** The pictures or the name have changed. */
  readonly change: () => void;
}

export class ClassCard {
  readonly root = make('fieldset', 'teach-class');
  readonly examples: Example[] = [];
  readonly removal = make('button', '', 'Remove class');
  private readonly field = make('input', 'field');
  private readonly count = make('p', 'help');
  private readonly thumbs = make('ul', 'teach-thumbs');
  private readonly buttons: HTMLButtonElement[];

  constructor(
    number: number,
    private readonly size: { readonly width: number; readonly height: number },
    private readonly acts: Acts,
  ) {
    const legend = make('legend', 'unseen', `Class ${number}`);
    const label = make('label', 'teach-name', 'Name ');
    this.field.value = `Class ${number}`;
    this.field.maxLength = 60;
    this.field.autocomplete = 'off';
    this.field.addEventListener('input', acts.change);
    label.append(this.field);
    const take = make('button', '', 'Add picture');
    take.addEventListener('click', () => acts.take(this));
    const record = make('button', '', 'Hold to record');
    holds(record, (held) => acts.hold(this, held));
    const input = make('input');
    Object.assign(input, { type: 'file', accept: 'image/*', multiple: true, hidden: true });
    input.setAttribute('aria-label', `Picture files of class ${number}`);
    input.addEventListener('change', () => {
      acts.open(this, [...(input.files ?? [])]);
      input.value = ''; // allows the same files to be chosen again
    });
    const files = make('button', '', 'Files…');
    files.addEventListener('click', () => input.click());
    this.removal.addEventListener('click', () => acts.remove(this));
    this.buttons = [take, record, files];
    for (const button of [...this.buttons, this.removal]) button.type = 'button';
    const tools = make('div', 'tools');
    tools.append(...this.buttons, this.removal, input);
    this.thumbs.setAttribute('aria-label', `Pictures of class ${number}`);
    this.root.append(legend, label, tools, this.count, this.thumbs);
    this.tell();
  }

  get name(): string {
    return this.field.value.trim();
  }

  add(example: Example): void {
    this.examples.push(example);
    const item = make('li');
    const button = make('button');
    button.type = 'button';
    button.title = 'Delete this picture';
    button.setAttribute('aria-label', `Delete picture ${this.examples.length}`);
    const canvas = make('canvas');
    paint(canvas, example.pixels, this.size.width, this.size.height);
    button.append(canvas);
    button.addEventListener('click', () => {
      const next = (item.nextElementSibling ?? item.previousElementSibling)?.querySelector('button') ?? this.buttons[0]!;
      this.examples.splice(this.examples.indexOf(example), 1);
      item.remove();
      this.tell();
      next.focus();
    });
    item.append(button);
    this.thumbs.append(item);
    this.tell();
  }

  /** While the network trains, nothing changes. */
  freeze(frozen: boolean): void {
    this.root.disabled = frozen;
  }

  private tell(): void {
    const { length } = this.examples;
    const out = Math.floor(length / 5);
    const held = out === 0 ? '' : `, ${out} held out to measure accuracy`;
    this.count.textContent = length === 0 ? 'No pictures yet.' : `${counted(length, 'picture')}${held}`;
    this.thumbs.hidden = length === 0;
    this.acts.change();
  }
}

/** The names of the classes; throws a `Failure` unless they can be told apart. */
export function namesOf(classes: readonly ClassCard[]): string[] {
  const names = classes.map((card) => card.name);
  const blank = names.indexOf('');
  if (blank >= 0) throw new Failure(`The class number ${blank + 1} has no name: give it one.`);
  const twice = names.find((one, at) => names.indexOf(one) !== at);
  if (twice !== undefined) throw new Failure(`Two classes are called ${twice}: rename one.`);
  return names;
}

/** Calls `set` when a button is pressed and released, by pointer, Space or Enter. */
function holds(button: HTMLButtonElement, set: (held: boolean) => void): void {
  const isKey = ({ key }: KeyboardEvent) => key === ' ' || key === 'Enter';
  let held = false;
  const turn = (next: boolean) => {
    if (next === held) return;
    held = next;
    button.classList.toggle('on', held);
    set(held);
  };
  button.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    button.setPointerCapture(event.pointerId);
    turn(true);
  });
  for (const end of ['pointerup', 'pointercancel', 'blur'] as const) button.addEventListener(end, () => turn(false));
  button.addEventListener('keydown', (event) => {
    if (!isKey(event)) return;
    event.preventDefault();
    if (!event.repeat) turn(true);
  });
  button.addEventListener('keyup', (event) => isKey(event) && turn(false));
  button.addEventListener('contextmenu', (event) => event.preventDefault()); // a long press on a phone
}
