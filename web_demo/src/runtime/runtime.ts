/** A runtime: files of one format in, a session that runs the network out. */

/** Real numbers as float32, all others (ids, counts, truth) as int32. */
export type Numbers = Float32Array | Int32Array;

export interface Tensor {
  readonly data: Numbers;
  readonly shape: readonly number[];
}

export type Tensors = Readonly<Record<string, Tensor>>;

/** An input or output as the manifest describes it; a size of null is open. */
export interface Described {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly (number | null)[];
}

/** What a runtime is given of an artifact: the files of its format by their path, and what the graph takes and gives. */
export interface Model {
  readonly name: string;
  readonly files: ReadonlyMap<string, ArrayBuffer>;
  readonly takes: readonly Described[];
  readonly gives: readonly Described[];
}

export type BackendName = 'wasm' | 'webgl' | 'webgpu' | 'cpu';

export interface Options {
  /** Of the processor, for WebAssembly; as many as are of use when it is not said. */
  readonly threads?: number | undefined;
  /** Told, in a sentence, that the browser took the backend away. */
  readonly onLost?: (sentence: string) => void;
}

export interface Answer {
  readonly outputs: Tensors;
  /** Milliseconds from plain numbers to plain numbers. */
  readonly ms: number;
}

/** A network that is loaded and runs until it is disposed of. */
export interface Session {
  /** On which it runs; null on graphics processors. */
  readonly threads: number | null;
  /** Whether it takes several inputs at once where the manifest leaves the batch open. */
  readonly openBatch: boolean;
  /** The outputs of those names, or all. */
  run(inputs: Tensors, wanted?: readonly string[]): Promise<Answer>;
  dispose(): void;
}

/** What the file of a runtime in `runtimes/` exports as `load`; it touches no document, so that it also runs in a worker. */
export type Load = (model: Model, backend: BackendName, options: Options) => Promise<Session>;

/** What is said when the browser takes a graphics processor away. */
export const LOST_DEVICE =
  'The browser took the WebGPU device away (a graphics driver that restarted, or one short of memory)';

/** Tells `onLost` when a device goes that nobody gave back. */
export function watchDevice(device: GPUDevice, onLost: ((sentence: string) => void) | undefined): void {
  void device.lost.then(({ reason }) => {
    if (reason !== 'destroyed') onLost?.(LOST_DEVICE);
  });
}

export function isReal(dtype: string): boolean {
  return /^b?float/.test(dtype);
}

/** Values of any type as the two that tensors have here. */
export function asNumbers(data: ArrayLike<number | bigint>): Numbers {
  if (data instanceof Float32Array || data instanceof Int32Array) return data;
  if (data instanceof Float64Array) return Float32Array.from(data);
  return Int32Array.from(data as ArrayLike<number>, Number);
}

/** Threads of WebAssembly: those asked for, or half of what the machine has, where the page is isolated. */
export function threadsOf(asked: number | undefined): number {
  if (!globalThis.crossOriginIsolated) return 1;
  return asked ?? Math.max(1, Math.min(8, Math.floor(navigator.hardwareConcurrency / 2)));
}
