/** TensorFlow.js: a graph model on WebAssembly, WebGL, WebGPU or plain JavaScript. */

import * as tf from '@tensorflow/tfjs-core';
import { loadGraphModel, type GraphModel } from '@tensorflow/tfjs-converter';
import { Failure, sentence } from '../../artifact/failure';
import {
  isReal,
  threadsOf,
  type Answer,
  type BackendName,
  type Described,
  type Load,
  type Model,
  type Session,
  type Signature,
  type Tensor,
  type Tensors,
} from '../runtime';
import { compile } from '../compile';
import { Recorded } from '../recorded';
import { startBackend, whileItLasts } from '../tfjs_backends';

export const load: Load = async (model, backend, options) => {
  const lost = options.onLost ?? (() => {});
  await startBackend(backend, lost, options.threads).catch((error: unknown) => {
    throw new Failure(`${sentence(error)}.`);
  });
  const graph = await loadGraphModel({ load: async () => readFiles(model) });
  try {
    const threads = { wasm: threadsOf(options.threads), cpu: 1, webgl: null, webgpu: null }[backend];
    const session = new GraphSession(graph, backend, model, threads);
    await session.compile();
    return session;
  } catch (error) {
    graph.dispose();
    throw error;
  }
};

class GraphSession implements Session {
  readonly openBatch = true;
  /** Graph node of each output, by name. */
  private readonly nodes: ReadonlyMap<string, string>;
  private readonly signature: Signature;
  private readonly recorded: Recorded;

  constructor(
    private readonly graph: GraphModel,
    private readonly backend: BackendName,
    model: Model,
    readonly threads: number | null,
  ) {
    this.signature = model.gives.length > 0 ? model : signatureOf(graph);
    this.nodes = new Map(this.signature.gives.map(({ name }) => [name, outputNode(graph, model.name, name)]));
    this.recorded = new Recorded(graph);
  }

  /** Compiles the shaders for batch size 1 in parallel. */
  async compile(): Promise<void> {
    if (this.isDynamic) return;
    const zeros = () =>
      Object.fromEntries(
        this.signature.takes.map(({ name, dtype, shape }) => [name, tf.zeros(shape.map((size) => size ?? 1), kindOf(dtype))]),
      );
    await whileItLasts(compile(() => [this.graph.execute(zeros(), [...this.nodes.values()])].flat()));
  }

  async run(inputs: Tensors, wanted: readonly string[] = [...this.nodes.keys()]): Promise<Answer> {
    // Another session may have changed the backend.
    if (tf.getBackend() !== this.backend) await tf.setBackend(this.backend);
    const start = performance.now();
    const given: tf.NamedTensorMap = {};
    let found: tf.Tensor[] = [];
    try {
      for (const { name, dtype } of this.signature.takes) given[name] = asTensor(inputs[name]!, dtype);
      const nodes = wanted.map((name) => this.nodes.get(name)!);
      found = await this.execute(given, nodes);
      const numbers = await whileItLasts(Promise.all(found.map((tensor) => tensor.data())));
      const outputs: Record<string, Tensor> = {};
      wanted.forEach((name, i) => {
        const { shape, dtype } = found[i]!;
        const data = numbers[i] as Float32Array | Int32Array | Uint8Array;
        outputs[name] = { data: dtype === 'float32' ? Float32Array.from(data) : Int32Array.from(data), shape };
      });
      return { outputs, ms: performance.now() - start };
    } finally {
      tf.dispose([...Object.values(given), ...found]);
    }
  }

  async describe(): Promise<Signature> {
    return signatureOf(this.graph);
  }

  dispose(): void {
    this.recorded.dispose();
    this.graph.dispose();
  }

  /** Graphs with dynamic operations can only run asynchronously. */
  private async execute(given: tf.NamedTensorMap, nodes: string[]): Promise<tf.Tensor[]> {
    return this.isDynamic ? [await this.graph.executeAsync(given, nodes)].flat() : this.recorded.execute(given, nodes);
  }

  private get isDynamic(): boolean {
    const { executor } = this.graph as unknown as { executor?: { isDynamicModel?: boolean } };
    return executor?.isDynamicModel ?? false;
  }
}

function asTensor({ data, shape }: Tensor, dtype: string): tf.Tensor {
  const kind = kindOf(dtype);
  return tf.tensor(kind === 'bool' ? Uint8Array.from(data) : data, [...shape], kind);
}

function kindOf(dtype: string): 'bool' | 'float32' | 'int32' {
  return dtype === 'bool' ? 'bool' : isReal(dtype) ? 'float32' : 'int32';
}

/** The model artifacts in model.json and its weight files; throws a `Failure`. */
async function readFiles({ name, files }: Model): Promise<tf.io.ModelArtifacts> {
  const text = files.get('tfjs/model.json');
  const broken = new Failure(`tfjs/model.json of ${name} is not a TensorFlow.js graph model: build the artifact again.`);
  let json: tf.io.ModelJSON;
  try {
    json = JSON.parse(new TextDecoder().decode(text)) as tf.io.ModelJSON;
  } catch {
    throw broken;
  }
  if (!json?.modelTopology || !Array.isArray(json.weightsManifest)) throw broken;
  const parts = json.weightsManifest.flatMap((group) => group.paths).map((path) => {
    const part = files.get(`tfjs/${path}`);
    if (!part) throw new Failure(`tfjs/${path} of ${name} is not listed in its manifest.json: build the artifact again.`);
    return part;
  });
  const specs = json.weightsManifest.flatMap((group) => group.weights);
  return tf.io.getModelArtifactsForJSON(json, async () => [specs, parts]);
}

/** The inputs of the graph, and the outputs under the names of the signature, where there is one. */
function signatureOf(graph: GraphModel): Signature {
  const sizesOf = (shape: readonly number[] | undefined) => (shape ?? []).map((size) => (size > 0 ? size : null));
  const of = ({ name, dtype, shape }: GraphModel['inputs'][number]): Described => ({
    name: name.replace(/:0$/, ''),
    dtype: String(dtype ?? 'float32'),
    shape: sizesOf(shape),
  });
  const keys = graph.modelStructuredOutputKeys as string[] | undefined;
  const named = (graph.modelSignature as { outputs?: Record<string, { name: string }> } | undefined)?.outputs;
  const names = keys ?? (named ? Object.keys(named) : null);
  const nodes = graph.outputs.map(of);
  const gives = names?.map((name) => {
    const node = outputNode(graph, 'the network', name);
    return { ...(nodes.find((one) => one.name === node) ?? { dtype: 'float32', shape: [] }), name };
  });
  return { takes: graph.inputs.map(of), gives: gives ?? nodes };
}

/** The graph node of an output: the converter renames nodes, and keeps output names in the signature. */
function outputNode(graph: GraphModel, model: string, name: string): string {
  const signature = graph.modelSignature as { outputs?: Record<string, { name: string }> } | undefined;
  const named = signature?.outputs?.[name]?.name ?? graph.outputs.find((output) => output.name === name)?.name;
  const structured = (graph.modelStructuredOutputKeys as string[] | undefined)?.indexOf(name) ?? -1;
  const node = named ?? graph.outputNodes[structured];
  if (node === undefined) throw new Failure(`tfjs/model.json of ${model} has no output "${name}": build the artifact again.`);
  return node.replace(/:0$/, '');
}
