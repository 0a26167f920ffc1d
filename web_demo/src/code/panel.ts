/** Tabs with the programs of the open network, and a button that copies one. */

import { isOpened } from '../artifact/local';
import { buildCommand } from '../artifact/manifest';
import { element, make } from '../ui/page';
import { EXAMPLES, type Example, type Program } from './examples';
import type { Shown } from './door';
import '../style/code.css';

const root = element('code-panel', HTMLElement);
const tabs = make('div', 'tabs');
const sheet = make('div', 'program');
const install = make('code');
const text = make('pre');
const note = make('p', 'help');
const copy = make('button', '', 'Copy');
const status = make('p', 'help');

let shown: Shown | null = null;
let chosen: Example | null = null;
build();

/** Shows the programs of a network; that of the runtime on the page comes first, until the visitor chooses another. */
export function showCode(next: Shown | null): void {
  shown = next;
  status.textContent = '';
  if (shown) show(chosen ?? EXAMPLES.find(({ name }) => name === shown?.now.runtime.name) ?? EXAMPLES[0]!);
}

function show(example: Example): void {
  const { artifact, now } = shown!;
  for (const tab of tabs.children as HTMLCollectionOf<HTMLButtonElement>) {
    const selected = tab.dataset.program === example.name;
    tab.setAttribute('aria-selected', String(selected));
    tab.tabIndex = selected ? 0 : -1;
    if (selected) sheet.setAttribute('aria-labelledby', tab.id);
  }
  const paths = Object.keys(artifact.manifest.files);
  const reads = example.reads.find((format) => paths.some((path) => path.startsWith(`${format}/`)));
  const program: Program | null = reads === undefined ? null : {
    artifact,
    home: isOpened(artifact.folder) ? `https://example.org/${encodeURIComponent(artifact.manifest.name)}/` : artifact.folder.href,
    reads,
    backend: now.runtime.name === example.name ? now.backend : 'wasm',
  };
  text.textContent = program ? example.write(program) : '';
  install.textContent = program ? example.install(program) : '';
  note.textContent = program ? 'Put in the address of your copy: the opened files are only on this device.' : `${example.title} does not run this export: build it again with ${buildCommand(artifact.manifest, example.reads[0])}.`;
  text.hidden = copy.disabled = install.hidden = program === null;
  note.hidden = program !== null && !isOpened(artifact.folder);
}

async function copyProgram(): Promise<void> {
  try {
    await navigator.clipboard.writeText(text.textContent ?? '');
    status.textContent = 'Copied.';
  } catch {
    getSelection()?.selectAllChildren(text);
    status.textContent = 'The browser denied access to the clipboard: the program is selected, copy it by hand.';
  }
}

/** Arrows move between tabs, as readers of the screen expect. */
function onKey(event: KeyboardEvent): void {
  const all = [...(tabs.children as HTMLCollectionOf<HTMLButtonElement>)];
  const at = all.indexOf(document.activeElement as HTMLButtonElement);
  const step = { ArrowRight: 1, ArrowLeft: -1, Home: -at, End: all.length - 1 - at }[event.key];
  if (at < 0 || step === undefined) return;
  event.preventDefault();
  const next = all[(at + step + all.length) % all.length]!;
  next.focus();
  next.click();
}

function build(): void {
  tabs.setAttribute('role', 'tablist');
  tabs.setAttribute('aria-label', 'Programs');
  tabs.addEventListener('keydown', onKey);
  tabs.append(
    ...EXAMPLES.map((example) => {
      const tab = make('button', '', example.title);
      Object.assign(tab, { type: 'button', id: `program-${example.name}` });
      Object.assign(tab.dataset, { program: example.name });
      tab.setAttribute('role', 'tab');
      tab.setAttribute('aria-controls', 'program');
      tab.addEventListener('click', () => {
        chosen = example;
        status.textContent = '';
        show(example);
      });
      return tab;
    }),
  );
  sheet.id = 'program';
  sheet.setAttribute('role', 'tabpanel');
  text.tabIndex = 0;
  text.setAttribute('aria-label', 'Program');
  text.setAttribute('role', 'region');
  copy.type = 'button';
  copy.id = 'code-copy';
  copy.addEventListener('click', () => void copyProgram());
  status.setAttribute('role', 'status');
  const tools = make('div', 'tools');
  tools.append(copy, install);
  sheet.append(note, text, tools, status);
  root.replaceChildren(tabs, sheet);
}
