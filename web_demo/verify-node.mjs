/**
 * node verify-node.mjs DIR BACKEND [RUNS]: checks the fixture of an artifact on TensorFlow.js in Node (wasm or cpu).
 *
 * Prints one line of JSON with the fields of window.zooVerify in verify.html; with RUNS, `ms` is the median of so many
 * timed runs. It shares no code with the page, which shows that an artifact needs none.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, resolve, sep } from 'node:path';

/** Inputs of the graph and outputs in the fixture, by task; null is the batch size. */
const TASKS = {
  'image-classification': ({ input: { name, height, width, channels }, network }) => ({
    takes: [{ name, dtype: 'float32', shape: [null, height, width, channels] }],
    gives: [{ name: 'logits', dtype: 'float32', shape: [null, network.num_classes] }],
  }),
  'language-model-step': ({ network: { hidden, vocabulary } }) => ({
    takes: [
      { name: 'tokens', dtype: 'int32', shape: [null] },
      { name: 'hidden', dtype: 'float32', shape: [null, hidden] },
    ],
    gives: [{ name: 'logits', dtype: 'float32', shape: [null, vocabulary] }],
  }),
};

const WARM_UP = 3;

const [folder, backend, runs = '0'] = process.argv.slice(2);
const report = {
  backend,
  available: true,
  reason: null,
  ok: false,
  max_difference: null,
  limit: null,
  ms: null,
  error: null,
};

try {
  Object.assign(report, await verify(resolve(folder), backend, Number(runs)));
} catch (error) {
  report.error = (error instanceof Error ? error.message : String(error)).split('\n')[0];
}
// The packages may have printed before this line.
process.stdout.write(`\n${JSON.stringify(report)}\n`, () => process.exit(0));

async function verify(home, name, timed) {
  if (name !== 'wasm' && name !== 'cpu')
    return { available: false, reason: 'only wasm and cpu run in Node' };
  const manifest = JSON.parse(readFileSync(resolve(home, 'manifest.json'), 'utf8'));
  const read = (path) => readListed(home, manifest, path);
  const model = JSON.parse(read('tfjs/model.json').toString('utf8'));
  // Other networks list theirs in the manifest.
  const task = manifest.gives?.length ? manifest : TASKS[manifest.task]?.(manifest);
  if (!task) throw new Error(`Unsupported task "${manifest.task}": use ${Object.keys(TASKS).join(', ')}.`);
  const count = manifest.fixture.count;
  const inputs = split(floats(read(manifest.fixture.input)), task.takes, count);
  const expected = split(floats(read(manifest.fixture.logits)), task.gives, count);
  const weights = model.weightsManifest.flatMap((group) => group.paths.map((path) => exact(read(`tfjs/${path}`))));

  const tf = await start(name);
  const { loadGraphModel } = await import('@tensorflow/tfjs-converter');
  const specs = model.weightsManifest.flatMap((group) => group.weights);
  const network = await loadGraphModel({
    load: () => tf.io.getModelArtifactsForJSON(model, async () => [specs, weights]),
  });
  const nodes = task.gives.map((output) => {
    const named = model.signature.outputs[output.name]?.name;
    const node = named ?? network.outputNodes[network.modelStructuredOutputKeys?.indexOf(output.name)];
    if (node === undefined) throw new Error(`tfjs/model.json has no output "${output.name}": build the artifact again.`);
    return node.replace(/:0$/, '');
  });

  const run = async (values) => {
    const begin = performance.now();
    const tensors = Object.fromEntries(values.map(({ name, dtype, shape, data }) => [name, asTensor(tf, data, shape, dtype)]));
    const outputs = [await (network.executor.isDynamicModel ? network.executeAsync : network.execute).call(network, tensors, nodes)].flat();
    const found = await Promise.all(outputs.map((output) => output.data()));
    tf.dispose([...Object.values(tensors), ...outputs]);
    return { found, ms: performance.now() - begin };
  };

  const allowed = expected.map((output) => allowedOf(manifest, output));
  let worst = { share: 0, difference: 0, limit: allowed[0].limit / allowed[0].unit, name: expected[0].name };
  const compare = (found, wanted) => {
    wanted.forEach(({ name, data }, i) => {
      const { limit, unit } = allowed[i];
      const difference = maxDifference(found[i], data);
      if (difference / limit > worst.share)
        worst = { share: difference / limit, difference: difference / unit, limit: limit / unit, name };
    });
  };
  const open = task.takes.every(({ shape }) => shape[0] === null);
  compare((await run(inputs)).found, expected);
  const times = [];
  const one = (tensors, i) => tensors.map((tensor) => part(tensor, count, i));
  for (let i = 0; open && i < count; i++) {
    const { found, ms } = await run(one(inputs, i));
    times.push(ms);
    compare(found, one(expected, i));
  }
  const first = open ? one(inputs, 0) : inputs;
  const steady = [];
  for (let i = 0; timed && i < WARM_UP + timed; i++) steady.push((await run(first)).ms);
  if (!open && !timed) times.push((await run(first)).ms);
  const { share, difference, limit, name: output } = worst;
  const ok = share <= 1;
  const ms = median(timed ? steady.slice(WARM_UP) : times);
  return { ok, max_difference: difference, limit, ms, error: ok ? null : `${output} differs` };
}

/** The limit of an output, and the unit in which differences are reported. */
function allowedOf({ parity }, { name, dtype, data }) {
  const hop = parity.find((one) => one.hop === 'tfjs');
  const detail = hop?.outputs?.[name];
  const scale = detail?.scale ?? (isReal(dtype) ? largest(data) : 1);
  const unit = hop?.relative ? Math.max(scale, 1e-30) : 1;
  return { unit, limit: detail?.limit ?? unit * (hop?.limit ?? 1e-5) };
}

async function start(name) {
  const tf = await import('@tensorflow/tfjs-core');
  if (name === 'wasm') {
    const { setThreadsCount, setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    setWasmPaths(dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm')) + sep);
    setThreadsCount(1);
  } else {
    await import('@tensorflow/tfjs-backend-cpu');
  }
  if (!(await tf.setBackend(name))) throw new Error(`${name} did not start in Node ${process.version}.`);
  return tf;
}

function readListed(home, manifest, path) {
  const file = resolve(home, path);
  const listed = manifest.files[path];
  if (!listed || !file.startsWith(home + sep))
    throw new Error(`${path} is not listed in manifest.json and is not loaded.`);
  const content = readFileSync(file);
  if (createHash('sha256').update(content).digest('hex') !== listed.sha256) {
    throw new Error(
      `${path} does not match its sha256 in manifest.json: build the artifact again.`,
    );
  }
  return content;
}

/** Splits a fixture file of concatenated tensors. */
function split(values, described, count) {
  let start = 0;
  const tensors = described.map(({ name, dtype, shape }) => {
    const sizes = shape.map((size) => size ?? count);
    const end = start + sizes.reduce((product, size) => product * size, 1);
    const data = values.slice(start, end);
    start = end;
    return { name, dtype, shape: sizes, data };
  });
  if (start !== values.length)
    throw new Error('The fixture does not have the size in manifest.json: build the artifact again.');
  return tensors;
}

/** Case `index` of a batch of `count`, as a batch of one. */
function part({ name, dtype, shape, data }, count, index) {
  const size = data.length / count;
  return { name, dtype, shape: [1, ...shape.slice(1)], data: data.slice(index * size, (index + 1) * size) };
}

function asTensor(tf, data, shape, dtype) {
  if (isReal(dtype)) return tf.tensor(data, shape, 'float32');
  return dtype === 'bool' ? tf.tensor(Uint8Array.from(data), shape, 'bool') : tf.tensor(Int32Array.from(data), shape, 'int32');
}

function isReal(dtype) {
  return /^b?float/.test(dtype);
}

/** Copies the content out of the buffer that small files share in Node. */
function exact(content) {
  return content.buffer.slice(content.byteOffset, content.byteOffset + content.byteLength);
}

function floats(content) {
  return new Float32Array(exact(content));
}

function largest(values) {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

function median(values) {
  return values.sort((a, b) => a - b)[values.length >> 1];
}

function maxDifference(a, b) {
  if (a.length !== b.length) return Infinity;
  return b.reduce((most, value, i) => {
    const difference = Math.abs(value - a[i]);
    // Comparisons with NaN are false.
    return difference <= most ? most : Number.isNaN(difference) ? Infinity : difference;
  }, 0);
}
