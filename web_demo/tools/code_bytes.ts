/**
 * Records what each runtime loads: the download size for each backend in index.html, where the page shows it before
 * the choice, and the files of each runtime in code.json, from which `zoo demo --build` copies those that it needs.
 */

import { gzipSync } from 'node:zlib';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Plugin, Rolldown } from 'vite';

/** A build of a runtime: its entry module, the modules that this imports dynamically, and its assets. */
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

/** What `src/runtime/runtimes/` loads; a build with "+" replaces the plain one in browsers with that feature. */
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

/** One plugin for the build of the worker, which measures, and one for that of the page, which writes the results. */
export function codeBytes(): { readonly worker: Plugin; readonly page: Plugin } {
  const counts: Record<string, Count> = {};
  let files: Record<string, string[]> = {};
  return {
    worker: {
      name: 'count-code-bytes',
      generateBundle(_options, bundle) {
        // Another worker would contain the runtimes once more.
        if (Object.keys(counts).length > 0) throw new Error('two workers: only src/runtime/worker.ts may run networks');
        for (const [name, load] of Object.entries(LOADS)) counts[name] = count(load, bundle);
        files = ownFiles(bundle);
      },
    },
    page: {
      name: 'write-code-bytes',
      apply: 'build',
      writeBundle({ dir }) {
        writeFileSync(resolve(dir!, 'code.json'), `${JSON.stringify(files, null, 1)}\n`);
        const file = resolve(dir!, 'index.html');
        const html = readFileSync(file, 'utf8');
        const empty = '<script type="application/json" id="code-bytes"></script>';
        if (!html.includes(empty)) throw new Error('index.html has no element for the code sizes');
        writeFileSync(file, html.replace(empty, empty.replace('></', `>${JSON.stringify(counts)}</`)));
      },
    },
  };
}

function count({ entry, imports, assets }: Load, bundle: Bundle): Count {
  const first = entryChunk(entry, bundle);
  const later = imports
    ? first.dynamicImports
        .map((name) => bundle[name] as Rolldown.OutputChunk)
        .filter((chunk) => chunk.moduleIds.some((id) => imports.test(id)))
    : [];
  const files = [...closure([first, ...later], bundle)].map((chunk) => chunk.code as string | Uint8Array);
  const found = Object.values(bundle).filter((one) => one.type === 'asset' && assets?.test(baseName(one.fileName)));
  if ((imports && later.length === 0) || (assets && found.length === 0)) {
    throw new Error(`${entry} no longer loads ${imports ?? ''} ${assets ?? ''}: update LOADS`);
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

/** The files that the worker reaches only through runtimes, by runtime; several may load the same. */
function ownFiles(bundle: Bundle): Record<string, string[]> {
  const names = [...new Set(Object.keys(LOADS).map((key) => key.split(':')[0]!))];
  const entries = names.map((name) => entryChunk(`runtimes/${name}.ts`, bundle));
  const ofEveryVisit = filesWithout(entries, bundle);
  return Object.fromEntries(
    names.map((name, at) => {
      const files = filesWithout(entries.toSpliced(at, 1), bundle);
      return [name, [...files].filter((file) => !ofEveryVisit.has(file)).sort()];
    }),
  );
}

/** The chunks of the worker, except those behind `runtimes`, and the assets that their code names. */
function filesWithout(runtimes: readonly Rolldown.OutputChunk[], bundle: Bundle): Set<string> {
  const entries = Object.values(bundle).filter((one) => one.type === 'chunk' && one.isEntry);
  const chunks = [...closure(entries as Rolldown.OutputChunk[], bundle, (chunk) => chunk.dynamicImports, runtimes)];
  const assets = Object.values(bundle).filter(
    (one) => one.type === 'asset' && chunks.some(({ code }) => code.includes(baseName(one.fileName))),
  );
  return new Set([...chunks, ...assets].map(({ fileName }) => fileName));
}

function entryChunk(module: string, bundle: Bundle): Rolldown.OutputChunk {
  const found = Object.values(bundle).find(
    (one): one is Rolldown.OutputChunk =>
      one.type === 'chunk' && one.isDynamicEntry && one.moduleIds.some((id) => id.endsWith(module)),
  );
  if (!found) throw new Error(`no chunk of the worker has the entry ${module}`);
  return found;
}

const baseName = (path: string): string => path.split('/').at(-1)!;

/** The chunks with all their imports, and with the dynamic ones that `later` lists; `without` some, and what only they load. */
function closure(
  chunks: readonly Rolldown.OutputChunk[],
  bundle: Bundle,
  later: (chunk: Rolldown.OutputChunk) => readonly string[] = () => [],
  without: readonly Rolldown.OutputChunk[] = [],
): Set<Rolldown.OutputChunk> {
  const found = new Set<Rolldown.OutputChunk>();
  const add = (chunk: Rolldown.OutputChunk) => {
    if (found.has(chunk) || without.includes(chunk)) return;
    found.add(chunk);
    for (const name of [...chunk.imports, ...later(chunk)]) if (bundle[name]?.type === 'chunk') add(bundle[name]);
  };
  chunks.forEach(add);
  return found;
}
