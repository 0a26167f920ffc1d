import { resolve } from 'node:path';
import { defaultClientConditions, defineConfig, type Plugin } from 'vite';
import { codeBytes } from './tools/code_bytes.ts';

/** The development server of Vite injects styles, which the policy of the page blocks. */
const withoutPolicyInDevelopment: Plugin = {
  name: 'without-policy-in-development',
  apply: 'serve',
  transformIndexHtml: (html) => html.replace(/<meta\s+http-equiv="Content-Security-Policy"[^>]*>/, ''),
};

/**
 * TensorFlow.js starts its threads from the source text of one function, so this must not use outer variables. It guards
 * its only one with typeof, but minifiers see the declaration and drop the guard.
 */
const selfContainedThreads: Plugin = {
  name: 'self-contained-threads',
  transform(code, id) {
    if (!/tfjs-backend-wasm-threaded-simd\.js$/.test(id)) return null;
    const guarded = 'if(typeof _scriptDir !== "undefined" && _scriptDir){scriptDirectory=_scriptDir}';
    const fallback = 'Module["mainScriptUrlOrBlob"]||_scriptDir';
    if (!code.includes(guarded) || !code.includes(fallback))
      throw new Error(`${id} has changed: check whether this plugin is still needed`);
    return { code: code.replace(guarded, '').replace(fallback, 'Module["mainScriptUrlOrBlob"]'), map: null };
  },
};

/** Drops the optimizers and the handlers of storage and files of TensorFlow.js, which inference from memory does not use. */
const inferenceOnly: Plugin = {
  name: 'inference-only',
  transform(code, id) {
    // Their registration tolerates missing storage.
    const storage = /@tensorflow\/tfjs-core\/dist\/io\/(indexed_db|local_storage)\.js$/.exec(id)?.[1];
    if (storage) {
      const name = storage === 'indexed_db' ? 'BrowserIndexedDB' : 'BrowserLocalStorage';
      return { code: `export class ${name} {} export class ${name}Manager {}`, map: null };
    }
    if (/@tensorflow\/tfjs-core\/dist\/io\/browser_files\.js$/.test(id)) {
      return { code: 'export const browserDownloads = undefined, browserFiles = undefined;', map: null };
    }
    if (!/@tensorflow\/tfjs-core\/dist\/index\.js$/.test(id)) return null;
    if (!code.includes('registerOptimizers();')) throw new Error(`${id} has changed: check whether this plugin is still needed`);
    return { code: code.replace('registerOptimizers();', ''), map: null };
  },
};

/** Vite minifies scripts and styles only. */
const withoutIndentation: Plugin = {
  name: 'without-indentation',
  apply: 'build',
  transformIndexHtml: (html) => {
    if (/<(pre|textarea)\b[^>]*>[^<]*\n/.test(html)) throw new Error('white space counts in <pre> and <textarea>');
    return html.replace(/^\s+/gm, '');
  },
};

const count = codeBytes();

export default defineConfig({
  // Relative addresses: the built page works in any folder of any static server.
  base: './',
  plugins: [withoutPolicyInDevelopment, withoutIndentation, count.page],
  // The variant of ONNX Runtime Web that loads its WebAssembly glue as a separate asset.
  resolve: { conditions: ['onnxruntime-web-use-extern-wasm', ...defaultClientConditions] },
  // Dynamic imports need a module worker.
  worker: {
    format: 'es',
    plugins: () => [selfContainedThreads, inferenceOnly, count.worker],
    rolldownOptions: { output: { comments: { legal: false } } }, // as in the page
  },
  build: {
    target: 'es2022',
    // The policy allows no data: addresses.
    assetsInlineLimit: 0,
    // Preloading would only make the page larger: later chunks are small or belong to a runtime.
    modulePreload: false,
    // The largest chunk is a backend of TensorFlow.js, loaded on demand.
    chunkSizeWarningLimit: 1000,
    rolldownOptions: {
      input: {
        index: resolve(import.meta.dirname, 'index.html'),
        verify: resolve(import.meta.dirname, 'verify.html'),
        bench: resolve(import.meta.dirname, 'bench.html'),
        sw: resolve(import.meta.dirname, 'src/offline/worker/worker.ts'),
      },
      // One chunk each: small files cost more than they save.
      output: {
        // A service worker keeps its address, at the root of its scope.
        entryFileNames: ({ name }) => (name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js'),
        codeSplitting: {
          groups: [
            { name: 'network', test: /\/src\/(artifact|runtime)\/(?!trial)/ },
            { name: 'page', test: /\/src\/(ui|choice|image)\/(?!scan|imagenet|no_camera)/ },
          ],
        },
      },
    },
  },
  server: {
    // `zoo demo` serves the artifacts; the headers enable threads.
    proxy: { '/models': 'http://127.0.0.1:8000' },
    headers: {
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
    },
  },
});
