/** Shows the inputs, outputs and files of a network without a task. */

import type { Artifact } from '../artifact/artifact';
import type { TensorsManifest } from '../artifact/manifest';
import { linkTo } from '../artifact/local';
import { inside } from '../artifact/request';
import type { Described } from '../runtime/runtime';
import { bytes, element, make } from '../ui/page';
import '../style/tensors.css';

/** Files of an artifact that a site has besides the manifest. */
const FILES = /^(tfjs|tflite|onnx|fixtures)\//;

export function showTensors({ folder, manifest }: Artifact<TensorsManifest>): void {
  fill('takes', manifest.takes);
  fill('gives', manifest.gives);
  element('notes', HTMLUListElement).replaceChildren(...(manifest.notes ?? []).map((note) => make('li', '', note)));
  element('files', HTMLUListElement).replaceChildren(
    ...Object.entries(manifest.files)
      .filter(([path]) => FILES.test(path))
      .map(([path, file]) => {
        const link = make('a', '', path);
        link.href = linkTo(inside(folder, path));
        link.download = path.split('/').at(-1)!;
        const item = make('li');
        item.append(link, make('span', 'quiet', ` ${bytes(file.bytes)}`));
        return item;
      }),
  );
}

function fill(id: 'takes' | 'gives', tensors: readonly Described[]): void {
  element(id, HTMLTableSectionElement).replaceChildren(
    ...tensors.map(({ name, dtype, shape }) => {
      const row = make('tr');
      const head = make('th', '', name);
      head.scope = 'row';
      row.append(head, make('td', '', dtype), make('td', '', shapeText(shape)));
      return row;
    }),
  );
}

/** "batch × 5", or "scalar". */
function shapeText(shape: readonly (number | null)[]): string {
  return shape.length === 0 ? 'scalar' : shape.map((size) => size ?? 'batch').join(' × ');
}
