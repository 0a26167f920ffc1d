/** LiteRT.js: a TFLite file with batch size 1, on WebAssembly or WebGPU. */

import { getWebGpuDevice, loadAndCompile, loadLiteRt, supportsFeature, Tensor, type CompiledModel } from '@litertjs/core';
import compatScript from '@litertjs/core/wasm/litert_wasm_compat_internal.js?url';
import compatWasm from '@litertjs/core/wasm/litert_wasm_compat_internal.wasm?url';
import jspiScript from '@litertjs/core/wasm/litert_wasm_jspi_internal.js?url';
import jspiWasm from '@litertjs/core/wasm/litert_wasm_jspi_internal.wasm?url';
import simdScript from '@litertjs/core/wasm/litert_wasm_internal.js?url';
import simdWasm from '@litertjs/core/wasm/litert_wasm_internal.wasm?url';
import threadedScript from '@litertjs/core/wasm/litert_wasm_threaded_internal.js?url';
import threadedWasm from '@litertjs/core/wasm/litert_wasm_threaded_internal.wasm?url';
import { Failure } from '../../artifact/failure';
import {
  asNumbers,
  threadsOf,
  watchDevice,
  type Answer,
  type BackendName,
  type Described,
  type Load,
  type Session,
  type Signature,
  type Tensors,
} from '../runtime';

/** Its number of threads; a worker can start only one build. */
let started: Promise<number> | null = null;

export const load: Load = async (model, backend, options) => {
  const threads = await (started ??= start(backend, threadsOf(options.threads)).catch((error: unknown) => {
    started = null; // allow a retry
    throw error;
  }));
  const device = backend === 'webgpu' ? getWebGpuDevice() : null;
  if (device) watchDevice(device, options.onLost);
  const file = model.files.get('tflite/model.tflite');
  if (!file) throw new Failure(`${model.name} has no tflite/model.tflite: build it again with --export tflite.`);
  const compiled = await loadAndCompile(new Uint8Array(file), {
    accelerator: backend === 'webgpu' ? 'webgpu' : 'wasm',
    cpuOptions: { numThreads: threads },
    // The default, half precision, is too coarse to compare with PyTorch.
    gpuOptions: { precision: 'fp32' },
  });
  if (backend === 'webgpu' && compiled.options.accelerator !== 'webgpu') {
    compiled.delete();
    throw new Failure(`LiteRT.js does not support all operations of ${model.name} on WebGPU in this browser: choose WebAssembly.`);
  }
  return new LiteRtSession(compiled, backend === 'wasm' ? threads : null);
};

class LiteRtSession implements Session {
  readonly openBatch = false;

  constructor(
    private readonly model: CompiledModel,
    readonly threads: number | null,
  ) {}

  async run(inputs: Tensors, wanted?: readonly string[]): Promise<Answer> {
    const start = performance.now();
    const given: Record<string, Tensor> = {};
    let found: Record<string, Tensor> = {};
    try {
      for (const { name, dtype } of this.model.getInputDetails()) {
        const { data, shape } = inputs[name]!;
        const values = dtype === 'uint8' ? Uint8Array.from(data) : dtype === 'int32' ? Int32Array.from(data) : data;
        given[name] = new Tensor(values, [...shape]);
      }
      found = await this.model.run(given);
      const outputs: Record<string, { data: ReturnType<typeof asNumbers>; shape: number[] }> = {};
      for (const name of wanted ?? Object.keys(found)) {
        const tensor = found[name]!;
        // A copy: data() may be a view of WebAssembly memory, which delete() frees.
        const data = asNumbers(await tensor.data()).slice();
        outputs[name] = { data, shape: [...tensor.type.layout.dimensions] };
      }
      return { outputs, ms: performance.now() - start };
    } finally {
      for (const tensor of [...Object.values(given), ...Object.values(found)]) tensor.delete();
    }
  }

  async describe(): Promise<Signature> {
    const of = (all: ReturnType<CompiledModel['getInputDetails']>): Described[] =>
      all.map(({ name, dtype, shape }) => ({ name, dtype, shape: Array.from(shape, (size) => (size > 0 ? size : null)) }));
    return { takes: of(this.model.getInputDetails()), gives: of(this.model.getOutputDetails()) };
  }

  dispose(): void {
    this.model.delete();
  }
}

/** Starts the best build for this browser, and returns its number of threads. */
async function start(backend: BackendName, threads: number): Promise<number> {
  const simd = await supportsFeature('relaxedSimd');
  const several = simd && backend === 'wasm' && threads > 1 && (await supportsFeature('threads'));
  // With JSPI, operations that WebGPU lacks run on the CPU.
  const jspi = simd && backend === 'webgpu' && (await supportsFeature('jspi'));
  let [script, wasm] = simd ? [simdScript, simdWasm] : [compatScript, compatWasm];
  if (jspi) [script, wasm] = [jspiScript, jspiWasm];
  if (several) [script, wasm] = [threadedScript, threadedWasm];
  const scope = globalThis as { Module?: object; ModuleFactory?: unknown; importScripts?: unknown };
  const address = new URL(script, import.meta.url).href;
  scope.Module = {
    locateFile: () => new URL(wasm, import.meta.url).href,
    mainScriptUrlOrBlob: address,
    print: () => {},
    // LiteRT.js also logs progress to stderr.
    printErr: (line: string) => /^(ERROR|FATAL)/.test(line) && console.warn(line),
  };
  if (typeof document === 'undefined') await importScript(address, scope);
  await loadLiteRt(address);
  return several ? threads : 1;
}

/** Replaces importScripts(), which LiteRT.js calls and module workers lack. */
async function importScript(address: string, scope: { importScripts?: unknown }): Promise<void> {
  const text = await (await fetch(address)).text();
  const module = URL.createObjectURL(
    new Blob([text, '\nglobalThis.ModuleFactory = ModuleFactory;'], { type: 'text/javascript' }),
  );
  try {
    await import(/* @vite-ignore */ module);
  } finally {
    URL.revokeObjectURL(module);
  }
  scope.importScripts = () => {};
}
