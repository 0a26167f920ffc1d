/** The interface of a runtime: it loads the files of one format into a session. */

/** Float32 for real types; int32 for integers and booleans. */
export type Numbers = Float32Array | Int32Array;

export interface Tensor {
  readonly data: Numbers;
  readonly shape: readonly number[];
}

export type Tensors = Readonly<Record<string, Tensor>>;

/** An input or output in the manifest; null is a dynamic size. */
export interface Described {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly (number | null)[];
}

/**
 * The files of one format of an artifact, by path, with the inputs and outputs of the graph; without outputs, both are
 * read from the files.
 */
export interface Model {
  readonly name: string;
  readonly files: ReadonlyMap<string, ArrayBuffer>;
  readonly takes: readonly Described[];
  readonly gives: readonly Described[];
}

export type BackendName = 'wasm' | 'webgl' | 'webgpu' | 'cpu';

export interface Options {
  /** Number of WebAssembly threads; by default half of the cores. */
  readonly threads?: number | undefined;
  /** Called with the reason when the browser loses the backend. */
  readonly onLost?: (sentence: string) => void;
}

export interface Answer {
  readonly outputs: Tensors;
  /** Time from input arrays to output arrays, in milliseconds. */
  readonly ms: number;
}

/** The inputs and outputs of a graph. */
export interface Signature {
  readonly takes: readonly Described[];
  readonly gives: readonly Described[];
}

/** A loaded network. */
export interface Session {
  /** Number of threads; null on GPUs. */
  readonly threads: number | null;
  /** Whether it takes batches of any size if the manifest has a dynamic batch. */
  readonly openBatch: boolean;
  /** Runs the network and returns the `wanted` outputs, by default all. */
  run(inputs: Tensors, wanted?: readonly string[]): Promise<Answer>;
  /** The inputs and outputs as the files have them. */
  describe(): Promise<Signature>;
  dispose(): void;
}

/** The `load` function of the files in `runtimes/`; it runs in a worker, so it has no document. */
export type Load = (model: Model, backend: BackendName, options: Options) => Promise<Session>;

export const LOST_DEVICE =
  'The browser lost the WebGPU device (driver restart or out of memory)';

/** Calls `onLost` when a device is lost, but not when it is destroyed on purpose. */
export function watchDevice(device: GPUDevice, onLost: ((sentence: string) => void) | undefined): void {
  void device.lost.then(({ reason }) => {
    if (reason !== 'destroyed') onLost?.(LOST_DEVICE);
  });
}

export function isReal(dtype: string): boolean {
  return /^b?float/.test(dtype);
}

/** Converts values of any type to float32 or int32. */
export function asNumbers(data: ArrayLike<number | bigint>): Numbers {
  if (data instanceof Float32Array || data instanceof Int32Array) return data;
  if (data instanceof Float64Array) return Float32Array.from(data);
  return Int32Array.from(data as ArrayLike<number>, Number);
}

/** Number of WebAssembly threads: `asked`, or half of the cores, at most 8; 1 without cross-origin isolation. */
export function threadsOf(asked: number | undefined): number {
  if (!globalThis.crossOriginIsolated) return 1;
  return asked ?? Math.max(1, Math.min(8, Math.floor(navigator.hardwareConcurrency / 2)));
}
