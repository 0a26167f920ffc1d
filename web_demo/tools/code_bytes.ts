/**
 * Counts the bytes of code that each runtime loads for each backend, and writes them into index.html, so that the
 * page can say them before anybody loads anything.
 */

import { gzipSync } from 'node:zlib';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Plugin, Rolldown } from 'vite';

/** A build of a runtime: the module it begins with, what that imports for it later, and its assets. */
interface Load {
  readonly entry: string;
  readonly imports?: RegExp;
  readonly assets?: RegExp;
}

const tfjs = (backend: string, assets?: RegExp): Load => ({
  entry: 'runtimes/tfjs.ts',
  imports: new RegExp(`/tfjs-backend-${backend}/`),
  ...(assets && { assets }),
});
const litert = (build: string): Load => ({
  entry: 'runtimes/litert.ts',
  assets: new RegExp(`^litert_wasm_${build}-[^.]*\\.(js|wasm)$`),
});
const ort = (imports: RegExp, build: string): Load => ({
  entry: 'runtimes/ort-web.ts',
  imports,
  assets: new RegExp(`^ort-wasm-simd-threaded${build}-[^.]*\\.(mjs|wasm)$`),
});

/** What `src/runtime/runtimes/` loads where; a build with "+" takes the place of the plain one where the browser can. */
const LOADS: Readonly<Record<string, Load>> = {
  'tfjs:wasm': tfjs('wasm', /^tfjs-backend-wasm-simd-.*\.wasm$/),
  'tfjs:wasm+threads': tfjs('wasm', /^tfjs-backend-wasm-threaded-simd-.*\.wasm$/),
  'tfjs:webgl': tfjs('webgl'),
  'tfjs:webgpu': tfjs('webgpu'),
  'tfjs:cpu': tfjs('cpu'),
  'litert:wasm': litert('internal'),
  'litert:wasm+threads': litert('threaded_internal'),
  'litert:webgpu': litert('internal'),
  'litert:webgpu+jspi': litert('jspi_internal'),
  'ort-web:wasm': ort(/ort\.wasm\b/, ''),
  'ort-web:webgpu': ort(/ort\.webgpu\b/, '.asyncify'),
  'ort-web:webgpu+jspi': ort(/ort\.jspi\b/, '.jspi'),
};

interface Count {
  plain: number;
  gzip: number;
}

type Bundle = Rolldown.OutputBundle;

/** The plugin of the workers' build, which sees what loads what, and that of the page's, which has a place for it. */
export function codeBytes(): { readonly worker: Plugin; readonly page: Plugin } {
  const counts: Record<string, Count> = {};
  return {
    worker: {
      name: 'count-code-bytes',
      generateBundle(_options, bundle) {
        for (const [name, load] of Object.entries(LOADS)) counts[name] = count(load, bundle);
      },
    },
    page: {
      name: 'write-code-bytes',
      apply: 'build',
      writeBundle({ dir }) {
        const file = resolve(dir!, 'index.html');
        const html = readFileSync(file, 'utf8');
        const empty = '<script type="application/json" id="code-bytes"></script>';
        if (!html.includes(empty)) throw new Error('index.html has no place for the bytes of code');
        writeFileSync(file, html.replace(empty, empty.replace('></', `>${JSON.stringify(counts)}</`)));
      },
    },
  };
}

function count({ entry, imports, assets }: Load, bundle: Bundle): Count {
  const chunks = Object.values(bundle).filter((one) => one.type === 'chunk');
  const has = (chunk: Rolldown.OutputChunk, ending: string | RegExp) =>
    chunk.moduleIds.some((id) => (typeof ending === 'string' ? id.endsWith(ending) : ending.test(id)));
  const first = chunks.find((chunk) => chunk.isDynamicEntry && has(chunk, entry));
  if (!first) throw new Error(`no chunk of the worker begins with ${entry}`);
  const later = imports
    ? first.dynamicImports.map((name) => bundle[name] as Rolldown.OutputChunk).filter((chunk) => has(chunk, imports))
    : [];
  const files = [...closure([first, ...later], bundle)].map((chunk) => chunk.code as string | Uint8Array);
  const found = Object.values(bundle).filter((one) => one.type === 'asset' && assets?.test(one.fileName.split('/').at(-1)!));
  if ((imports && later.length === 0) || (assets && found.length === 0)) {
    throw new Error(`${entry} no longer loads ${imports ?? ''} ${assets ?? ''}: see LOADS`);
  }
  for (const asset of found) files.push((asset as Rolldown.OutputAsset).source);
  return files.reduce<Count>(
    (sum, file) => ({
      plain: sum.plain + Buffer.byteLength(file),
      gzip: sum.gzip + gzipSync(file).byteLength,
    }),
    { plain: 0, gzip: 0 },
  );
}

/** The chunks, and all that they import at once. */
function closure(chunks: readonly Rolldown.OutputChunk[], bundle: Bundle): Set<Rolldown.OutputChunk> {
  const found = new Set<Rolldown.OutputChunk>();
  const add = (chunk: Rolldown.OutputChunk) => {
    if (found.has(chunk)) return;
    found.add(chunk);
    for (const name of chunk.imports) if (bundle[name]?.type === 'chunk') add(bundle[name]);
  };
  chunks.forEach(add);
  return found;
}
