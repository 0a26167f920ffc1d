import { resolve } from 'node:path';
import { defaultClientConditions, defineConfig, type Plugin } from 'vite';
import { codeBytes } from './tools/code_bytes.ts';

/** Vite's development server injects styles into the page, which the page's own policy forbids. */
const withoutPolicyInDevelopment: Plugin = {
  name: 'without-policy-in-development',
  apply: 'serve',
  transformIndexHtml: (html) => html.replace(/<meta\s+http-equiv="Content-Security-Policy"[^>]*>/, ''),
};

/**
 * TensorFlow.js starts its threads from the text of one function, which must therefore name nothing outside
 * itself. It guards its one outer name with typeof, but a minifier sees the declaration and drops the guard.
 */
const selfContainedThreads: Plugin = {
  name: 'self-contained-threads',
  transform(code, id) {
    if (!/tfjs-backend-wasm-threaded-simd\.js$/.test(id)) return null;
    const guarded = 'if(typeof _scriptDir !== "undefined" && _scriptDir){scriptDirectory=_scriptDir}';
    const fallback = 'Module["mainScriptUrlOrBlob"]||_scriptDir';
    if (!code.includes(guarded) || !code.includes(fallback))
      throw new Error(`${id} has changed: see whether it still needs this plugin`);
    return { code: code.replace(guarded, '').replace(fallback, 'Module["mainScriptUrlOrBlob"]'), map: null };
  },
};

/**
 * Networks run here, from memory: what TensorFlow.js registers to train them, and to keep them in the storage of a
 * browser, stays out.
 */
const inferenceOnly: Plugin = {
  name: 'inference-only',
  transform(code, id) {
    // What registers these two is content without them, as where a browser forbids storage.
    const storage = /@tensorflow\/tfjs-core\/dist\/io\/(indexed_db|local_storage)\.js$/.exec(id)?.[1];
    if (storage) {
      const name = storage === 'indexed_db' ? 'BrowserIndexedDB' : 'BrowserLocalStorage';
      return { code: `export class ${name} {} export class ${name}Manager {}`, map: null };
    }
    if (!/@tensorflow\/tfjs-core\/dist\/index\.js$/.test(id)) return null;
    if (!code.includes('registerOptimizers();')) throw new Error(`${id} has changed: see whether it still needs this plugin`);
    return { code: code.replace('registerOptimizers();', ''), map: null };
  },
};

const count = codeBytes();

export default defineConfig({
  // Relative addresses: the built page works in any folder of any static server.
  base: './',
  plugins: [withoutPolicyInDevelopment, count.page],
  // ONNX Runtime Web without the script that starts its WebAssembly inside: that is an asset of its own.
  resolve: { conditions: ['onnxruntime-web-use-extern-wasm', ...defaultClientConditions] },
  // Runtimes run in a worker and come when they are chosen, which takes a worker of modules.
  worker: {
    format: 'es',
    plugins: () => [selfContainedThreads, inferenceOnly, count.worker],
    rolldownOptions: { output: { comments: { legal: false } } }, // as in the page
  },
  build: {
    target: 'es2022',
    // The policy allows no data: addresses.
    assetsInlineLimit: 0,
    // What comes later is small, or the runtime's own; preloading it would only add to the page.
    modulePreload: false,
    // The largest part is a backend of TensorFlow.js, loaded only when it is chosen.
    chunkSizeWarningLimit: 1000,
    rolldownOptions: {
      input: {
        index: resolve(import.meta.dirname, 'index.html'),
        verify: resolve(import.meta.dirname, 'verify.html'),
        bench: resolve(import.meta.dirname, 'bench.html'),
      },
      // Each of these comes whole: small files cost more than they save.
      output: {
        codeSplitting: {
          groups: [
            { name: 'network', test: /\/src\/(artifact|runtime)\/(?!trial)/ },
            { name: 'page', test: /\/src\/(ui|choice|image)\// },
          ],
        },
      },
    },
  },
  server: {
    // `zoo demo` beside `npm run dev` provides the artifacts, and the headers that threads need come from here.
    proxy: { '/models': 'http://127.0.0.1:8000' },
    headers: {
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
    },
  },
});
