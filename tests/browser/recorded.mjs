/** node recorded.mjs FOLDER: runs the graphs of test_recorded.py in TensorFlow.js and `Recorded`; prints JSON. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import tf from '@tensorflow/tfjs-core';
import converter from '@tensorflow/tfjs-converter';
import '@tensorflow/tfjs-backend-cpu';
import wasm from '@tensorflow/tfjs-backend-wasm';
import { Recorded } from './recorded.js';

wasm.setWasmPaths(`${dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'))}/`);

const node = (op, name, input = [], attr = {}) => ({ op, name, input, attr });
const float = { T: { type: 'DT_FLOAT' } };
const whole = (name) => node('Const', name, [], { dtype: { type: 'DT_INT32' } });
const x = node('Placeholder', 'x', [], { dtype: { type: 'DT_FLOAT' } });
/** Small graphs of a vector x: nodes, outputs and constants. */
const GRAPHS = {
  sum: [[x, node('AddV2', 'y', ['x', 'x'], float), node('Relu', 'z', ['y'], float)], ['y', 'z'], {}],
  reshape: [[x, whole('shape'), node('Reshape', 'y', ['x', 'shape'], float), node('Relu', 'z', ['y'], float)], ['y', 'z'], { shape: [1, -1] }],
  'shape of the input': [[x, node('Shape', 's', ['x'], float), node('Fill', 'f', ['s', 'one']), whole('one'), node('Cast', 'g', ['f'], { SrcT: { type: 'DT_INT32' }, DstT: { type: 'DT_FLOAT' } }), node('AddV2', 'y', ['x', 'g'], float)], ['y'], { one: 1 }],
  'shape of its numbers': [[x, node('Cast', 'n', ['x'], { SrcT: { type: 'DT_FLOAT' }, DstT: { type: 'DT_INT32' } }), node('Reshape', 'y', ['x', 'n'], float)], ['y'], {}],
  'input as output': [[x, node('Relu', 'y', ['x'], float)], ['x', 'y'], {}],
  'output twice': [[x, node('Relu', 'y', ['x'], float)], ['y', 'y'], {}],
};

async function model([nodes, , constants]) {
  const specs = Object.entries(constants).map(([name, value]) => ({ name, shape: [value].flat().length > 1 ? [value.length] : [], dtype: 'int32' }));
  const data = Int32Array.from(Object.values(constants).flat());
  return converter.loadGraphModel({ load: async () => ({ modelTopology: { node: nodes, versions: { producer: 1 } }, weightSpecs: specs, weightData: data.buffer }) });
}

/** Runs both on each input: whether outputs are equal, how often the graph was traversed, and whether tensors leak. */
function compare(graph, inputs, outputs) {
  const recorded = new Recorded(graph);
  const walk = graph.execute.bind(graph);
  let walks = 0;
  graph.execute = (...given) => (walks++, walk(...given));
  let same = true;
  const left = [];
  for (const input of inputs) {
    const given = Object.fromEntries(Object.entries(input).map(([name, { data, shape }]) => [name, tf.tensor(data, shape)]));
    // Outputs may be the input tensor itself: dispose of each once.
    const expected = [walk(given, outputs)].flat();
    const found = recorded.execute(given, outputs);
    same &&= expected.every((tensor, i) => JSON.stringify([tensor.shape, [...tensor.dataSync()]]) === JSON.stringify([found[i].shape, [...found[i].dataSync()]]));
    tf.dispose([...new Set([...expected, ...found, ...Object.values(given)])]);
    left.push([tf.memory().numTensors, tf.backend().numDataIds()].join());
  }
  recorded.dispose();
  graph.dispose();
  return { same, walks, leaks: new Set(left.slice(1)).size > 1, after: tf.backend().numDataIds() };
}

/** Runs a graph of two kernels whose second one fails in the first run and in a replay; like `compare`. */
function interrupt(graph, outputs) {
  const recorded = new Recorded(graph);
  const backend = tf.backend();
  const make = tf.getBackend() === 'wasm' ? 'makeOutput' : 'makeTensorInfo';
  const before = backend.numDataIds();
  const left = [];
  let failures = 0;
  for (const fails of [true, false, true, false]) {
    const given = { x: tf.tensor([1, -2]) };
    let calls = 0;
    const makes = backend[make];
    backend[make] = (...shape) => {
      if (fails && ++calls === 2) throw new Error('no memory');
      return makes.apply(backend, shape);
    };
    try {
      tf.dispose(recorded.execute(given, outputs));
    } catch {
      failures++;
    } finally {
      backend[make] = makes;
    }
    tf.dispose(given);
    left.push(backend.numDataIds());
  }
  recorded.dispose();
  graph.dispose();
  return { failures, leaks: left.some((count) => count !== before), after: backend.numDataIds() };
}

const results = {};
for (const backend of ['cpu', 'wasm']) {
  await tf.setBackend(backend);
  await tf.ready();
  for (const [name, graph] of Object.entries(GRAPHS)) {
    const numbers = name === 'shape of its numbers' ? [[1, 2], [2, 1], [1, 2]] : [[1, -2], [3, 4], [-5, 6]];
    const inputs = numbers.map((data) => ({ x: { data, shape: [2] } }));
    results[`${backend}: ${name}`] = compare(await model(graph), inputs, graph[1]);
  }
  results[`${backend}: interrupted`] = interrupt(await model(GRAPHS.sum), ['z']);
  const home = process.argv[2];
  const files = JSON.parse(readFileSync(join(home, 'tfjs/model.json')));
  const load = async () => ({
    ...files,
    weightSpecs: files.weightsManifest.flatMap(({ weights }) => weights),
    weightData: Uint8Array.from(Buffer.concat(files.weightsManifest.flatMap(({ paths }) => paths.map((path) => readFileSync(join(home, 'tfjs', path)))))).buffer,
  });
  const graph = await converter.loadGraphModel({ load });
  const pixels = (count, seed) => ({ pixels: { data: Array.from({ length: count * 64 }, (_, i) => (i * seed) % 256), shape: [count, 8, 8, 1] } });
  const outputs = Object.values(files.signature.outputs).map(({ name }) => name.split(':')[0]);
  results[`${backend}: network`] = compare(graph, [pixels(1, 7), pixels(1, 11), pixels(1, 13), pixels(3, 17), pixels(3, 5)], outputs);
}
process.stdout.write(`\n${JSON.stringify(results)}\n`, () => process.exit(0));
