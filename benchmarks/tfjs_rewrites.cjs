/**
 * node --single-threaded tfjs_rewrites.cjs FOLDER DIR...: processor time of a run of the TF.js files in each DIR, walked
 * by TensorFlow.js and replayed by the page's `Recorded`, and of FOLDER/model.onnx in ONNX Runtime Web. FOLDER also has
 * recorded.js and node_modules. Prints a line of JSON.
 */

const Module = require('node:module');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

const [folder, ...directories] = process.argv.slice(2);
const packages = join(folder, 'node_modules');
// What browsers get: the builds for Node are compiled for engines of 2015, in which a walk takes longer.
const resolve = Module._resolveFilename;
Module._resolveFilename = function (name, ...rest) {
  const [, tf] = /^@tensorflow\/tfjs-(core|converter|backend-cpu|backend-wasm)$/.exec(name) ?? [];
  return tf ? join(packages, `@tensorflow/tfjs-${tf}/dist/tf-${tf}.es2017.js`) : resolve.call(this, name, ...rest);
};
const tf = require('@tensorflow/tfjs-core');
const { loadGraphModel } = require('@tensorflow/tfjs-converter');
const { setWasmPaths } = require('@tensorflow/tfjs-backend-wasm');
const { Recorded } = require(join(folder, 'recorded.js'));

const WARM_UP = 4;
const RUNS = 10;
const ROUNDS = 60;

async function files(directory) {
  const model = JSON.parse(readFileSync(join(directory, 'model.json')));
  const parts = model.weightsManifest.flatMap(({ paths }) => paths.map((path) => readFileSync(join(directory, path))));
  const weightSpecs = model.weightsManifest.flatMap(({ weights }) => weights);
  return { ...model, weightSpecs, weightData: Uint8Array.from(Buffer.concat(parts)).buffer };
}

async function main() {
  setWasmPaths(`${join(packages, '@tensorflow/tfjs-backend-wasm/dist')}/`);
  await tf.setBackend('wasm');
  await tf.ready();
  const ort = await import(join(packages, 'onnxruntime-web/dist/ort.wasm.min.mjs')).catch(() => null);
  const work = {};
  let shape;
  for (const directory of directories) {
    const graph = await loadGraphModel({ load: () => files(directory) });
    const [[name, input]] = Object.entries(graph.modelSignature.inputs);
    shape = input.tensorShape.dim.map(({ size }) => Math.max(1, Number(size)));
    const nodes = Object.values(graph.modelSignature.outputs).map((output) => output.name.split(':')[0]);
    const recorded = new Recorded(graph);
    const walk = (given) => [graph.execute(given, nodes)].flat();
    for (const [how, execute] of Object.entries({ walked: walk, replayed: (given) => recorded.execute(given, nodes) })) {
      work[`${directory} ${how}`] = (values) => {
        const given = { [name]: tf.tensor(values, shape) };
        const found = execute(given);
        const numbers = found.map((tensor) => tensor.dataSync());
        tf.dispose([...found, ...Object.values(given)]);
        return numbers[0];
      };
    }
  }
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => (i * 37) % 256);
  if (ort) {
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmPaths = `${join(packages, 'onnxruntime-web/dist')}/`;
    const session = await ort.InferenceSession.create(readFileSync(join(folder, 'model.onnx')));
    work['ONNX Runtime Web'] = async () => (await session.run({ [session.inputNames[0]]: new ort.Tensor('float32', values, shape) }))[session.outputNames[0]].data;
  }
  const times = {};
  const found = {};
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    for (const [name, run] of Object.entries(work)) {
      const before = process.cpuUsage();
      for (let i = 0; i < RUNS; i++) found[name] = await run(values);
      const { user, system } = process.cpuUsage(before);
      if (round >= WARM_UP) (times[name] ??= []).push((user + system) / 1000 / RUNS);
    }
  }
  const [first] = Object.values(found);
  const rows = Object.entries(times).map(([name, all]) => ({
    name,
    ms: all.sort((a, b) => a - b)[all.length >> 1],
    difference: Math.max(...found[name].map((value, i) => Math.abs(value - first[i]))),
  }));
  process.stdout.write(`\n${JSON.stringify(rows)}\n`, () => process.exit(0));
}

main();
