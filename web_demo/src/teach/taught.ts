/** The network on the page as a source of features, and the same network with a taught head. */

import type { Artifact } from '../artifact/artifact';
import { isImages } from '../artifact/artifact';
import { Failure } from '../artifact/failure';
import type { Field } from '../race/door';
import { loadInWorker } from '../runtime/remote';
import { findRuntime } from '../runtime/runtimes';
import type { Model, Session } from '../runtime/runtime';
import { FEATURES, HeadedGraph, type Head } from './graph';
import { logitsOf } from './head';

/** WebAssembly runs everywhere, and one picture at a time is fast enough on it. */
const BACKEND = 'wasm';
/** Of the largest logit, at least 1: that of the exports. */
const LIMIT = 1e-5;

export class Trunk {
  private constructor(
    readonly artifact: Artifact,
    readonly graph: HeadedGraph,
    private readonly model: Model,
    private readonly session: Session,
  ) {}

  /** Loads the network of a field; throws a `Failure` if it cannot be taught. */
  static async open({ artifact, model: modelOf }: Field, signal: AbortSignal): Promise<Trunk> {
    if (!isImages(artifact)) throw new Error('not an image classifier');
    refuse(artifact);
    const model = await modelOf('tfjs', signal);
    const graph = HeadedGraph.read(model.name, model.files);
    const gives = [...model.gives, { name: FEATURES, dtype: 'float32', shape: [null, graph.features] }];
    const session = await loadInWorker(findRuntime('tfjs'), { ...model, files: graph.withFeatures(), gives }, BACKEND, {}, signal);
    return new Trunk(artifact, graph, model, session);
  }

  /** The pooled features of one image, raw pixels (height, width, channels). */
  async features(pixels: Float32Array): Promise<Float32Array> {
    return run(this.session, this.artifact, pixels, FEATURES);
  }

  /** Loads the network with another head. */
  async teach(head: Head, name: string, labels: readonly string[], signal: AbortSignal): Promise<Taught> {
    const files = this.graph.withHead(head, name, labels);
    const gives = this.model.gives.map((one) => ({ ...one, shape: [null, labels.length] }));
    const session = await loadInWorker(findRuntime('tfjs'), { ...this.model, name, files, gives }, BACKEND, {}, signal);
    return new Taught(this, head, labels.length, session);
  }

  dispose(): void {
    this.session.dispose();
  }
}

export class Taught {
  constructor(
    readonly trunk: Trunk,
    readonly head: Head,
    readonly classes: number,
    private readonly session: Session,
  ) {}

  /** The class probabilities of one image, raw pixels (height, width, channels). */
  probabilities(pixels: Float32Array): Promise<Float32Array> {
    return run(this.session, this.trunk.artifact, pixels, 'probabilities');
  }

  /** The logits of one image; throws a `Failure` unless they are those of the head on its features, in float64. */
  async logits(pixels: Float32Array): Promise<Float32Array> {
    const [logits, features] = [await run(this.session, this.trunk.artifact, pixels, 'logits'), await this.trunk.features(pixels)];
    const expected = logitsOf(this.head, features);
    const limit = LIMIT * Math.max(1, ...expected.map(Math.abs));
    // Also if one of them is not a number.
    if (!expected.every((value, at) => Math.abs(value - logits[at]!) <= limit)) {
      throw new Failure('The taught network does not give the logits of its head and is not exported: reload the page, and teach it again.');
    }
    return logits;
  }

  dispose(): void {
    this.session.dispose();
  }
}

async function run(session: Session, { manifest: { input } }: Artifact, pixels: Float32Array, output: string): Promise<Float32Array> {
  const given = { [input.name]: { data: pixels, shape: [1, input.height, input.width, input.channels] } };
  return (await session.run(given, [output])).outputs[output]!.data as Float32Array;
}

function refuse({ manifest }: Artifact): void {
  const { name, network, precision, files } = manifest;
  if (!manifest.genotype || ['onnx', 'pt2', 'module', 'file'].includes(network.kind)) {
    throw new Failure(`${name} is not a network of cells, so "zoo build" could not read it with another head: choose a published cell.`);
  }
  if (!('tfjs/model.json' in files)) throw new Failure(`${name} has no TF.js files to teach: build it with "zoo build ${manifest.genotype} --export tfjs".`);
  if (precision !== null && precision !== 'float32') {
    throw new Failure(`${name} has ${precision} weights, and only float32 can be taught: build it without --precision.`);
  }
}
