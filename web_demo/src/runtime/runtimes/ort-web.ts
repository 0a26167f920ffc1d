/** ONNX Runtime Web: an ONNX file on WebAssembly or WebGPU. */

import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-web';
import wasmScript from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import wasmBinary from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import jspiScript from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs?url';
import jspiBinary from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url';
import asyncifyScript from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url';
import asyncifyBinary from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
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
  type Tensor,
  type Tensors,
} from '../runtime';

type Ort = typeof import('onnxruntime-web');

/** By backend; each has its own build. */
const started = new Map<BackendName, Promise<Ort>>();

export const load: Load = async (model, backend, options) => {
  if (!started.has(backend)) started.set(backend, start(backend));
  const ort = await started.get(backend)!;
  ort.env.wasm.numThreads = threadsOf(options.threads);
  ort.env.logLevel = 'error';
  const file = model.files.get('onnx/model.onnx');
  if (!file) throw new Failure(`${model.name} has no onnx/model.onnx: build it again with --export onnx.`);
  const session = await ort.InferenceSession.create(new Uint8Array(file), { executionProviders: [backend] });
  if (backend === 'webgpu') watchDevice((await ort.env.webgpu.device) as GPUDevice, options.onLost);
  return new OrtSession(ort, session, backend === 'wasm' ? ort.env.wasm.numThreads : null);
};

class OrtSession implements Session {
  readonly openBatch = true;

  constructor(
    private readonly ort: Ort,
    private readonly session: InferenceSession,
    readonly threads: number | null,
  ) {}

  async run(inputs: Tensors, wanted?: readonly string[]): Promise<Answer> {
    const start = performance.now();
    const given = Object.fromEntries(
      this.session.inputMetadata.map((one) => {
        if (!one.isTensor) throw new Failure(`Input ${one.name} is not a tensor`);
        return [one.name, this.tensor(one.type, inputs[one.name]!)];
      }),
    );
    const found = await this.session.run(given, [...(wanted ?? this.session.outputNames)]);
    const outputs: Record<string, Tensor> = {};
    for (const [name, tensor] of Object.entries(found)) {
      outputs[name] = { data: asNumbers((await tensor.getData()) as ArrayLike<number>), shape: [...tensor.dims] };
      tensor.dispose();
    }
    return { outputs, ms: performance.now() - start };
  }

  async describe(): Promise<Signature> {
    const of = (all: InferenceSession['inputMetadata']): Described[] =>
      all.map((one) => {
        if (!one.isTensor) throw new Failure(`${one.name} is not a tensor: only networks of tensors run.`);
        const { name, type, shape } = one;
        return { name, dtype: type, shape: shape.map((size) => (typeof size === 'number' && size > 0 ? size : null)) };
      });
    return { takes: of(this.session.inputMetadata), gives: of(this.session.outputMetadata) };
  }

  dispose(): void {
    void this.session.release();
  }

  /** Converts numbers to the type of the input. */
  private tensor(type: string, { data, shape }: Tensor): OrtTensor {
    const dims = [...shape];
    const make = (kind: string, values: unknown) => new this.ort.Tensor(kind as 'float32', values as Float32Array, dims);
    const wide = { int64: BigInt64Array, uint64: BigUint64Array }[type];
    if (wide) return make(type, wide.from(Array.from(data, BigInt)));
    const kinds = {
      float32: Float32Array,
      int32: Int32Array,
      uint32: Uint32Array,
      int16: Int16Array,
      uint16: Uint16Array,
      int8: Int8Array,
      uint8: Uint8Array,
      bool: Uint8Array,
    };
    const kind = kinds[type as keyof typeof kinds];
    if (!kind) throw new Failure(`Inputs of type ${type} are not supported`);
    return make(type, data instanceof kind ? data : kind.from(data));
  }
}

async function start(backend: BackendName): Promise<Ort> {
  const place = (mjs: string, wasm: string) => ({
    mjs: new URL(mjs, import.meta.url).href,
    wasm: new URL(wasm, import.meta.url).href,
  });
  let ort: Ort;
  if (backend === 'wasm') {
    ort = await import('onnxruntime-web/wasm');
    ort.env.wasm.wasmPaths = place(wasmScript, wasmBinary);
  } else if ('Suspending' in WebAssembly) {
    // A third smaller; needs JSPI.
    ort = await import('onnxruntime-web/jspi');
    ort.env.wasm.wasmPaths = place(jspiScript, jspiBinary);
  } else {
    ort = await import('onnxruntime-web/webgpu');
    ort.env.wasm.wasmPaths = place(asyncifyScript, asyncifyBinary);
  }
  return ort;
}
