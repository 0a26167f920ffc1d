/**
 * A graph whose kernels are recorded in its first run on inputs of a shape, and called in that order from then on.
 *
 * TensorFlow.js walks a graph anew in every run: it looks up attributes, prepares gradients and tracks every tensor,
 * which is a third of the time of a small network. The kernels, their order and so the numbers are the same. What
 * depends on the numbers of a run (shapes, or values that the graph reads) is left to TensorFlow.js.
 */

import * as tf from '@tensorflow/tfjs-core';
import type { GraphModel } from '@tensorflow/tfjs-converter';

type DataId = tf.TensorInfo['dataId'];
type Kernel = tf.KernelConfig['kernelFunc'];
type Inputs = Parameters<Kernel>[0]['inputs'];

/** An input of a kernel that another one has made, or the user: where it stands, and the value in `slot`. */
interface Read {
  readonly name: string;
  readonly slot: number;
  readonly shape: number[];
  readonly dtype: tf.DataType;
}

interface Step {
  readonly kernel: Kernel;
  readonly attrs: Parameters<Kernel>[0]['attrs'];
  /** The constants among them; the others are filled in. */
  readonly inputs: Inputs;
  readonly reads: readonly Read[];
  readonly makes: readonly { readonly slot: number; readonly shape: readonly number[] }[];
  /** Slots that nothing reads any more. */
  frees: number[];
}

export class Recorded {
  /** By backend, outputs and shapes; null where it cannot be replayed. */
  private readonly recordings = new Map<string, Recording | null>();

  constructor(private readonly graph: GraphModel) {}

  /** As `GraphModel.execute`, always an array. */
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
    const found = recorder.during(() => this.plain(given, nodes));
    this.recordings.set(key, recorder.finish(found));
    return found;
  }

  /** Before the graph itself, whose constants it holds. */
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
  /** The slot of the newest value that has this data; a reshape has that of what it reads. */
  private readonly slots = new Map<DataId, number>();
  private readonly constants = new Set<DataId>();
  private count = 0;
  private fits: boolean;

  constructor(private readonly given: readonly tf.Tensor[]) {
    for (const { dataId } of given) this.slots.set(dataId, this.count++);
    this.fits = this.slots.size === given.length; // another time they may be two
  }

  /** What `run` returns; every kernel that it calls becomes a step. */
  during<T>(run: () => T): T {
    const { backend } = this;
    const kernels = tf.getKernelsForBackend(tf.getBackend()) as { kernelFunc: Kernel }[];
    const plain = kernels.map(({ kernelFunc }) => kernelFunc);
    const { readSync, read } = backend;
    let depth = 0; // kernels call others
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
    // What the graph reads of its own values decides what comes next.
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

  /** The recording of a run that gave `found`; null where it would not do for other numbers. */
  finish(found: readonly tf.Tensor[]): Recording | null {
    const outputs = found.map(({ dataId, shape, dtype }) => ({ slot: this.slots.get(dataId) ?? -1, shape, dtype }));
    const places = outputs.map(({ slot }) => slot);
    // An output that is an input or a constant, or two that are one, would be freed once too often.
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
    /** Held, as what a graph makes without a kernel would be gone after the run. */
    private readonly constants: ReadonlySet<DataId>,
  ) {}

  /** The outputs; null where a value has another shape than when it was recorded. */
  replay(given: readonly tf.Tensor[]): tf.Tensor[] | null {
    const { backend, values } = this;
    given.forEach(({ dataId }, slot) => (values[slot] = dataId));
    for (const { kernel, attrs, inputs, reads, makes, frees } of this.steps) {
      for (const { name, slot, shape, dtype } of reads) inputs[name] = { dataId: values[slot]!, shape, dtype };
      const made = kernel({ inputs, backend, ...(attrs && { attrs }) });
      const each = Array.isArray(made) ? made : [made];
      each.forEach(({ dataId }, i) => (values[makes[i]!.slot] = dataId));
      if (!each.every(({ shape }, i) => sameShape(shape, makes[i]!.shape))) {
        this.free([...values.keys()].slice(given.length));
        return null;
      }
      this.free(frees);
    }
    return this.outputs.map(({ slot, shape, dtype }) => {
      const dataId = values[slot]!;
      values[slot] = undefined;
      return tf.engine().makeTensorFromTensorInfo({ dataId, shape, dtype }, backend);
    });
  }

  dispose(): void {
    for (const dataId of this.constants) this.backend.disposeData(dataId);
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
