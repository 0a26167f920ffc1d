/**
 * Records the kernel calls of a graph in its first run on inputs of a shape, and replays them in later runs.
 *
 * TensorFlow.js traverses a graph in every run: it looks up attributes, prepares gradients and tracks every tensor,
 * which takes a third of the time of a small network. A replay calls the same kernels in the same order, so the results
 * are identical. Graphs whose shapes or control flow depend on values are not replayed.
 */

import * as tf from '@tensorflow/tfjs-core';
import type { GraphModel } from '@tensorflow/tfjs-converter';

type DataId = tf.TensorInfo['dataId'];
type Kernel = tf.KernelConfig['kernelFunc'];
type Inputs = Parameters<Kernel>[0]['inputs'];

/** An input of a kernel that is not a constant: its name, and the slot of its value. */
interface Read {
  readonly name: string;
  readonly slot: number;
  readonly shape: number[];
  readonly dtype: tf.DataType;
}

interface Step {
  readonly kernel: Kernel;
  readonly attrs: Parameters<Kernel>[0]['attrs'];
  /** The constant inputs; a replay fills in the others. */
  readonly inputs: Inputs;
  readonly reads: readonly Read[];
  readonly makes: readonly { readonly slot: number; readonly shape: readonly number[] }[];
  /** Slots that no later step reads. */
  frees: number[];
}

export class Recorded {
  /** By backend, outputs and shapes; null if the graph cannot be replayed. */
  private readonly recordings = new Map<string, Recording | null>();

  constructor(private readonly graph: GraphModel) {}

  /** Like `GraphModel.execute`, but always returns an array. */
  execute(given: tf.NamedTensorMap, nodes: readonly string[]): tf.Tensor[] {
    const shapes = Object.entries(given).map(([name, { shape, dtype }]) => [name, shape, dtype]);
    const key = JSON.stringify([tf.getBackend(), nodes, shapes]);
    const known = this.recordings.get(key);
    if (known === null) return this.plain(given, nodes);
    if (known?.backend === tf.backend()) {
      const found = known.replay(Object.values(given));
      if (found) return found;
      known.dispose();
      this.recordings.set(key, null);
      return this.plain(given, nodes);
    }
    const recorder = new Recorder(Object.values(given));
    try {
      const found = recorder.during(() => this.plain(given, nodes));
      this.recordings.set(key, recorder.finish(found));
      return found;
    } catch (error) {
      recorder.finish([])?.dispose();
      throw error;
    }
  }

  /** Frees the recordings; call this before the graph is disposed of. */
  dispose(): void {
    for (const recording of this.recordings.values()) recording?.dispose();
    this.recordings.clear();
  }

  private plain(given: tf.NamedTensorMap, nodes: readonly string[]): tf.Tensor[] {
    return [this.graph.execute(given, [...nodes])].flat();
  }
}

class Recorder {
  private readonly backend = tf.backend() as tf.KernelBackend;
  private readonly steps: Step[] = [];
  /** The newest slot with this data; a reshape shares the data of its input. */
  private readonly slots = new Map<DataId, number>();
  private readonly constants = new Set<DataId>();
  private count = 0;
  private fits: boolean;

  constructor(private readonly given: readonly tf.Tensor[]) {
    for (const { dataId } of given) this.slots.set(dataId, this.count++);
    this.fits = this.slots.size === given.length; // equal inputs may differ in a replay
  }

  /** Calls `run` and records its kernel calls. */
  during<T>(run: () => T): T {
    const { backend } = this;
    const kernels = tf.getKernelsForBackend(tf.getBackend()) as { kernelFunc: Kernel }[];
    const plain = kernels.map(({ kernelFunc }) => kernelFunc);
    const { readSync, read } = backend;
    let depth = 0; // kernels may call kernels
    kernels.forEach((config, i) => {
      config.kernelFunc = (call) => {
        depth++;
        try {
          const made = plain[i]!(call);
          if (depth === 1) this.step(plain[i]!, call, [made].flat());
          return made;
        } finally {
          depth--;
        }
      };
    });
    // A graph that reads its own values may branch on them.
    const watch = (dataId: DataId) => {
      if (depth === 0 && this.slots.has(dataId)) this.fits = false;
    };
    backend.readSync = (dataId) => (watch(dataId), readSync.call(backend, dataId));
    backend.read = (dataId) => (watch(dataId), read.call(backend, dataId));
    try {
      return run();
    } finally {
      kernels.forEach((config, i) => (config.kernelFunc = plain[i]!));
      Object.assign(backend, { readSync, read });
    }
  }

  /** The recording of a run with outputs `found`; null if it is not valid for other values. */
  finish(found: readonly tf.Tensor[]): Recording | null {
    const outputs = found.map(({ dataId, shape, dtype }) => ({ slot: this.slots.get(dataId) ?? -1, shape, dtype }));
    const places = outputs.map(({ slot }) => slot);
    // Outputs that alias an input, a constant or each other would be freed twice.
    const own = new Set(places).size === places.length && Math.min(...places) >= this.given.length;
    const last = new Map<number, Step>();
    for (const step of this.steps) for (const { slot } of [...step.reads, ...step.makes]) last.set(slot, step);
    for (const [slot, step] of last) if (slot >= this.given.length && !places.includes(slot)) step.frees.push(slot);
    const recording = new Recording(this.backend, this.steps, outputs, this.constants);
    if (this.fits && own) return recording;
    recording.dispose();
    return null;
  }

  private step(kernel: Kernel, { inputs, attrs }: Parameters<Kernel>[0], made: readonly tf.TensorInfo[]): void {
    const constants: Inputs = Array.isArray(inputs) ? ([] as unknown as Inputs) : {};
    const reads: Read[] = [];
    for (const [name, tensor] of Object.entries(inputs)) {
      if (!tensor) continue;
      const { dataId, shape, dtype } = tensor;
      const slot = this.slots.get(dataId);
      if (slot === undefined) {
        constants[name] = { dataId, shape, dtype };
        if (!this.constants.has(dataId)) this.backend.incRef(dataId);
        this.constants.add(dataId);
      } else reads.push({ name, slot, shape, dtype });
    }
    const makes = made.map(({ dataId, shape }) => {
      this.slots.set(dataId, this.count);
      return { slot: this.count++, shape };
    });
    this.steps.push({ kernel, attrs, inputs: constants, reads, makes, frees: [] });
  }
}

class Recording {
  private readonly values: (DataId | undefined)[] = [];

  constructor(
    readonly backend: tf.KernelBackend,
    private readonly steps: readonly Step[],
    private readonly outputs: readonly { readonly slot: number; readonly shape: number[]; readonly dtype: tf.DataType }[],
    /** Kept alive: data that a graph creates without a kernel is freed after the run. */
    private readonly constants: ReadonlySet<DataId>,
  ) {}

  /** The outputs; null if a shape differs from the recording. */
  replay(given: readonly tf.Tensor[]): tf.Tensor[] | null {
    given.forEach(({ dataId }, slot) => (this.values[slot] = dataId));
    let whole = false;
    try {
      whole = this.run();
    } finally {
      if (!whole) this.free([...this.values.keys()].slice(given.length));
    }
    if (!whole) return null;
    return this.outputs.map(({ slot, shape, dtype }) => {
      const dataId = this.values[slot]!;
      this.values[slot] = undefined;
      return tf.engine().makeTensorFromTensorInfo({ dataId, shape, dtype }, this.backend);
    });
  }

  dispose(): void {
    for (const dataId of this.constants) this.backend.disposeData(dataId);
  }

  /** Runs the steps; false if a shape differs from the recording. */
  private run(): boolean {
    const { backend, values } = this;
    for (const { kernel, attrs, inputs, reads, makes, frees } of this.steps) {
      for (const { name, slot, shape, dtype } of reads) inputs[name] = { dataId: values[slot]!, shape, dtype };
      const made = kernel({ inputs, backend, ...(attrs && { attrs }) });
      const each = Array.isArray(made) ? made : [made];
      each.forEach(({ dataId }, i) => (values[makes[i]!.slot] = dataId));
      if (!each.every(({ shape }, i) => sameShape(shape, makes[i]!.shape))) return false;
      this.free(frees);
    }
    return true;
  }

  private free(slots: Iterable<number>): void {
    for (const slot of slots) {
      const dataId = this.values[slot];
      if (dataId !== undefined) this.backend.disposeData(dataId);
      this.values[slot] = undefined;
    }
  }
}

function sameShape(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((size, axis) => size === other[axis]);
}
