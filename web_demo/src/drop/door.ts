/** Networks from files: by a button, or dropped on the page; the code that reads them is loaded with the first one. */

import type { Entry } from '../artifact/artifact';
import { sentence } from '../artifact/failure';
import { element } from '../ui/page';
import { showFailure, showStep } from '../ui/status';
import type { Found } from './collect';

/** Other dropped files are pictures. */
const NETWORK = /\.(zip|onnx|tflite|json|bin)$/i;

/** Calls `onOpen` with each artifact that the visitor opens, after it was read and checked. */
export function acceptFiles(onOpen: (entry: Entry) => void): void {
  const read = async (find: (room: typeof import('./open')) => Promise<readonly Found[]>) => {
    try {
      showFailure(null);
      showStep('Reading files');
      const room = await import('./open');
      onOpen(await room.openFiles(await find(room)));
    } catch (error) {
      showStep(null);
      showFailure(sentence(error));
    }
  };
  const input = element('open-input', HTMLInputElement);
  element('open', HTMLButtonElement).addEventListener('click', () => input.click());
  input.addEventListener('change', () => {
    const files = [...(input.files ?? [])];
    input.value = ''; // allows the same files to be chosen again
    if (files.length > 0) void read(async ({ listed }) => listed(files));
  });
  // Before the listener for pictures.
  addEventListener(
    'drop',
    (event) => {
      const items = [...(event.dataTransfer?.items ?? [])];
      // Both are gone after the event.
      const entries = items.map((item) => item.webkitGetAsEntry?.() ?? null).filter((entry) => entry !== null);
      const files = [...(event.dataTransfer?.files ?? [])];
      if (!entries.some(({ isDirectory }) => isDirectory) && !files.some(({ name }) => NETWORK.test(name))) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      element('drop', HTMLElement).classList.remove('over');
      void read(({ collect, listed }) => (entries.length > 0 ? collect(entries) : Promise.resolve(listed(files))));
    },
    { capture: true },
  );
}
