/**
 * The linear head of a TF.js graph model: the graph with the input of the head as a further output, and the graph with
 * another head.
 *
 * `zoo build` converts global pooling and the classifier to Reshape -> _FusedMatMul with a fused bias, or to MatMul and
 * BiasAdd; Identity nodes may follow.
 */

import { Failure } from '../artifact/failure';
import { isRecord } from '../artifact/manifest';

/** The name of the output that `withFeatures` adds. */
export const FEATURES = 'features';

/** A linear layer: weights (features, classes) by rows, and a bias of each class. */
export interface Head {
  readonly weights: Float32Array;
  readonly bias: Float32Array;
}

export type Files = ReadonlyMap<string, ArrayBuffer>;

interface Dimensions {
  dim: { size: string }[];
}

interface Node {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

interface Weight {
  readonly name: string;
  shape: number[];
  readonly dtype: string;
  readonly quantization?: unknown;
}

interface Group {
  paths: string[];
  readonly weights: Weight[];
}

interface ModelJson {
  readonly signature: { readonly outputs: Record<string, { name: string; dtype?: string; tensorShape?: Dimensions }> };
  readonly modelTopology: { readonly node: readonly Node[] };
  readonly weightsManifest: readonly Group[];
  userDefinedMetadata?: Record<string, unknown>;
}

const MODEL = 'tfjs/model.json';
const SIZES: Readonly<Record<string, number>> = { float32: 4, int32: 4, bool: 1 };

/** Where the head is in the graph. */
interface Place {
  readonly features: string;
  readonly weights: Weight;
  readonly bias: Weight;
  /** Whether the weights are stored as (classes, features). */
  readonly transposed: boolean;
}

export class HeadedGraph {
  readonly features: number;
  readonly classes: number;

  private constructor(
    private readonly name: string,
    private readonly files: Files,
    private readonly place: Place,
  ) {
    const [rows, columns] = place.weights.shape as [number, number];
    [this.features, this.classes] = place.transposed ? [columns, rows] : [rows, columns];
  }

  /** Finds the head of the network `name`; throws a `Failure` if it has no linear head. */
  static read(name: string, files: Files): HeadedGraph {
    return new HeadedGraph(name, files, find(name, parse(name, files)));
  }

  /** The head in the files. */
  head(): Head {
    const json = parse(this.name, this.files);
    const { weights, bias, transposed } = find(this.name, json);
    const values = ({ name }: Weight) => new Float32Array(partOf(this.name, this.files, json, name).bytes.slice().buffer);
    const stored = values(weights);
    return { weights: transposed ? turned(stored, this.classes, this.features) : stored, bias: values(bias) };
  }

  /** The files with the input of the head as the output `FEATURES`. */
  withFeatures(): Map<string, ArrayBuffer> {
    const json = parse(this.name, this.files);
    addFeatures(json, this.place, this.features);
    return new Map(this.files).set(MODEL, encoded(json));
  }

  /** The files with another head, for the classes `labels`; with `features`, also with the output `FEATURES`. */
  withHead(head: Head, name: string, labels: readonly string[], features = false): Map<string, ArrayBuffer> {
    const json = parse(this.name, this.files);
    const place = find(this.name, json);
    const files = new Map(this.files);
    const classes = labels.length;
    const weights = place.transposed ? turned(head.weights, this.features, classes) : head.weights;
    replace(this.name, files, json, place.weights.name, weights, place.transposed ? [classes, this.features] : [this.features, classes]);
    replace(this.name, files, json, place.bias.name, head.bias, [classes]);
    for (const { tensorShape } of Object.values(json.signature.outputs)) {
      if (tensorShape) tensorShape.dim.at(-1)!.size = String(classes);
    }
    const described = json.userDefinedMetadata?.zoo;
    if (isRecord(described)) json.userDefinedMetadata!.zoo = { ...described, name, labels };
    if (features) addFeatures(json, place, this.features);
    return files.set(MODEL, encoded(json));
  }
}

function addFeatures(json: ModelJson, { features }: Place, width: number): void {
  const tensorShape = { dim: [{ size: '-1' }, { size: String(width) }] };
  json.signature.outputs[FEATURES] = { name: `${features}:0`, dtype: 'DT_FLOAT', tensorShape };
}

function parse(name: string, files: Files): ModelJson {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(files.get(MODEL)));
  } catch {
    json = null;
  }
  if (
    !isRecord(json) ||
    !isRecord(json.signature) ||
    !isRecord(json.signature.outputs) ||
    !isRecord(json.modelTopology) ||
    !Array.isArray(json.modelTopology.node) ||
    !Array.isArray(json.weightsManifest)
  ) {
    throw new Failure(`${MODEL} of ${name} is not a TensorFlow.js graph model: build the artifact again.`);
  }
  return json as unknown as ModelJson;
}

function find(name: string, json: ModelJson): Place {
  const other = new Failure(`${name} does not end in a linear layer in float32, so it cannot be taught: choose another network.`);
  const nodes = new Map(json.modelTopology.node.map((node) => [node.name, node]));
  const weights = new Map(json.weightsManifest.flatMap((group) => group.weights).map((weight) => [weight.name, weight]));
  /** The node before input `at`, behind Identity nodes. */
  const before = (node: Node | undefined, at: number): Node => {
    let found = nodes.get(plain(node?.input?.[at] ?? ''));
    while (found?.op === 'Identity') found = nodes.get(plain(found.input?.[0] ?? ''));
    if (!found) throw other;
    return found;
  };
  const logits = json.signature.outputs.logits?.name;
  if (!logits) throw other;
  let head = before({ name: '', op: '', input: [logits] }, 0);
  let bias: Node;
  if (head.op === '_FusedMatMul' && fusedOps(head).join() === 'BiasAdd') bias = before(head, 2);
  else if (head.op === 'BiasAdd' || head.op === 'Add' || head.op === 'AddV2') {
    bias = before(head, 1);
    head = before(head, 0);
    if (head.op !== 'MatMul') throw other;
  } else throw other;
  if (head.attr?.transpose_a?.b === true) throw other;
  const transposed = head.attr?.transpose_b?.b === true;
  const [kernel, offset] = [weights.get(before(head, 1).name), weights.get(bias.name)];
  const fits = [kernel, offset].every((one) => one?.dtype === 'float32' && !one.quantization);
  if (!kernel || !offset || !fits || kernel.shape.length !== 2 || offset.shape.join() !== String(kernel.shape[transposed ? 0 : 1])) throw other;
  // A constant that another node reads, too, cannot be replaced.
  const readers = (one: Weight) => json.modelTopology.node.filter(({ input = [] }) => input.some((each) => plain(each) === one.name)).length;
  if (readers(kernel) !== 1 || readers(offset) !== 1) throw other;
  return { features: before(head, 0).name, weights: kernel, bias: offset, transposed };
}

const plain = (input: string): string => input.replace(/^\^/, '').replace(/:0$/, '');

function fusedOps({ attr }: Node): string[] {
  const list = attr?.fused_ops?.list;
  const coded = isRecord(list) && Array.isArray(list.s) ? list.s : [];
  return coded.map((one) => atob(String(one)));
}

/** The bytes of the group of a weight, joined, and those of the weight in them. */
function partOf(name: string, files: Files, json: ModelJson, weight: string) {
  const group = json.weightsManifest.find(({ weights }) => weights.some((one) => one.name === weight))!;
  const shards = group.paths.map((path) => {
    const bytes = files.get(`tfjs/${path}`);
    if (!bytes) throw new Failure(`tfjs/${path} of ${name} is missing: build the artifact again.`);
    return new Uint8Array(bytes);
  });
  const joined = new Uint8Array(shards.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const shard of shards) {
    joined.set(shard, at);
    at += shard.length;
  }
  let start = 0;
  for (const one of group.weights) {
    const size = SIZES[one.dtype];
    if (size === undefined || one.quantization) {
      throw new Failure(`${name} has weights of the type ${one.dtype}${one.quantization ? ', quantized' : ''}, so it cannot be taught: build it in float32.`);
    }
    const length = size * one.shape.reduce((product, each) => product * each, 1);
    if (one.name === weight) return { group, joined, start, bytes: joined.subarray(start, start + length) };
    start += length;
  }
  throw new Error(`no weight ${weight}`);
}

function replace(name: string, files: Map<string, ArrayBuffer>, json: ModelJson, weight: string, values: Float32Array, shape: number[]): void {
  const { group, joined, start, bytes } = partOf(name, files, json, weight);
  const added = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const whole = new Uint8Array(joined.length - bytes.length + added.length);
  whole.set(joined.subarray(0, start));
  whole.set(added, start);
  whole.set(joined.subarray(start + bytes.length), start + added.length);
  for (const path of group.paths) files.delete(`tfjs/${path}`);
  group.paths = group.paths.slice(0, 1);
  files.set(`tfjs/${group.paths[0]}`, whole.buffer);
  group.weights.find((one) => one.name === weight)!.shape = shape;
  const constant = json.modelTopology.node.find((node) => node.name === weight)?.attr?.value?.tensor;
  if (isRecord(constant)) constant.tensorShape = { dim: shape.map((size) => ({ size: String(size) })) } satisfies Dimensions;
}

/** A matrix of `rows` rows, transposed. */
export function turned(values: Float32Array, rows: number, columns: number): Float32Array {
  return Float32Array.from(values, (_, at) => values[(at % rows) * columns + Math.floor(at / rows)]!);
}

const encoded = (json: ModelJson): ArrayBuffer => new TextEncoder().encode(JSON.stringify(json)).buffer as ArrayBuffer;
