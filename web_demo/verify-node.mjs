/**
 * node verify-node.mjs DIR BACKEND: an artifact's fixture on TensorFlow.js in Node (wasm or cpu).
 *
 * Prints one line of JSON with the fields of verify.html's window.zooVerify. It reads the files
 * itself, with Node's own means, so that it also proves that the artifact needs none of the page's code.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, resolve, sep } from 'node:path';

const [folder, backend] = process.argv.slice(2);
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
  Object.assign(report, await verify(resolve(folder), backend));
} catch (error) {
  report.error = error instanceof Error ? error.message : String(error);
}
// Whatever the packages print stands before this line.
process.stdout.write(`\n${JSON.stringify(report)}\n`, () => process.exit(0));

async function verify(home, name) {
  if (name !== 'wasm' && name !== 'cpu')
    return { available: false, reason: 'Node has no graphics: only wasm and cpu run there' };
  const manifest = JSON.parse(readFileSync(resolve(home, 'manifest.json'), 'utf8'));
  const read = (path) => readListed(home, manifest, path);
  const model = JSON.parse(read('tfjs/model.json').toString('utf8'));
  const images = floats(read(manifest.fixture.input));
  const logits = floats(read(manifest.fixture.logits));
  const weights = model.weightsManifest.flatMap((group) => group.paths.map((path) => exact(read(`tfjs/${path}`))));

  const tf = await start(name);
  const { loadGraphModel } = await import('@tensorflow/tfjs-converter');
  const specs = model.weightsManifest.flatMap((group) => group.weights);
  const network = await loadGraphModel({
    load: () => tf.io.getModelArtifactsForJSON(model, async () => [specs, weights]),
  });
  const node =
    model.signature.outputs.logits?.name ?? network.outputNodes[network.modelStructuredOutputKeys?.indexOf('logits')];
  if (node === undefined) throw new Error('tfjs/model.json has no output "logits": build the artifact again.');

  const { name: input, height, width, channels } = manifest.input;
  const run = async (values) => {
    const begin = performance.now();
    const pixels = tf.tensor4d(values, [values.length / (height * width * channels), height, width, channels]);
    const output = network.execute({ [input]: pixels }, node.replace(/:0$/, ''));
    const result = await output.data();
    tf.dispose([pixels, output]);
    return { result, ms: performance.now() - begin };
  };

  const count = manifest.fixture.count;
  const perImage = images.length / count;
  const together = await run(images);
  const differences = [maxDifference(together.result, logits)];
  const times = [];
  for (let i = 0; i < count; i++) {
    const { result, ms } = await run(images.slice(i * perImage, (i + 1) * perImage));
    times.push(ms);
    differences.push(maxDifference(result, logits.slice(i * manifest.labels.length, (i + 1) * manifest.labels.length)));
  }
  const limit = manifest.parity.find(({ hop }) => hop === 'tfjs')?.limit ?? 1e-5;
  const most = Math.max(...differences);
  return { ok: most <= limit, max_difference: most, limit, ms: times.sort((a, b) => a - b)[count >> 1] };
}

async function start(name) {
  const tf = await import('@tensorflow/tfjs-core');
  if (name === 'wasm') {
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    setWasmPaths(dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm')) + sep);
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
    throw new Error(`${path} is not listed in manifest.json, and is not loaded.`);
  const content = readFileSync(file);
  if (createHash('sha256').update(content).digest('hex') !== listed.sha256) {
    throw new Error(
      `${path} is not the file that its manifest.json describes (its sha256 differs): build the artifact again.`,
    );
  }
  return content;
}

/** A buffer of its own; Node's small ones share one. */
function exact(content) {
  return content.buffer.slice(content.byteOffset, content.byteOffset + content.byteLength);
}

function floats(content) {
  return new Float32Array(exact(content));
}

function maxDifference(a, b) {
  if (a.length !== b.length) return Infinity;
  return a.reduce(
    (most, value, i) =>
      Math.abs(value - b[i]) <= most ? most : Number.isNaN(value) ? Infinity : Math.abs(value - b[i]),
    0,
  );
}
