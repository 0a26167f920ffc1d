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

/** For each task: how long an input and its logits are in the fixture, one of the inputs, and the graph's tensors. */
const TASKS = {
  'image-classification': ({ input: { name, height, width, channels }, network }) => {
    const size = height * width * channels;
    return {
      size,
      classes: network.num_classes,
      one: (inputs, i) => inputs.slice(i * size, (i + 1) * size),
      tensors: (tf, values) => ({ [name]: tf.tensor4d(values, [values.length / size, height, width, channels]) }),
    };
  },
  // All token ids, then all hidden states.
  'language-model-step': ({ fixture: { count }, network: { hidden, vocabulary } }) => ({
    size: 1 + hidden,
    classes: vocabulary,
    one: (inputs, i) => Float32Array.of(inputs[i], ...inputs.slice(count + i * hidden, count + (i + 1) * hidden)),
    tensors: (tf, values) => {
      const tokens = values.length / (1 + hidden);
      return {
        tokens: tf.tensor1d(Int32Array.from(values.slice(0, tokens)), 'int32'),
        hidden: tf.tensor2d(values.slice(tokens), [tokens, hidden]),
      };
    },
  }),
};

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
  const inputs = floats(read(manifest.fixture.input));
  const logits = floats(read(manifest.fixture.logits));
  const count = manifest.fixture.count;
  const task = TASKS[manifest.task]?.(manifest);
  if (!task) throw new Error(`The task "${manifest.task}" is none that runs here: ${Object.keys(TASKS).join(', ')}.`);
  if (inputs.length !== count * task.size || logits.length !== count * task.classes)
    throw new Error('The fixture does not have the size that manifest.json gives: build the artifact again.');
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

  const run = async (values) => {
    const begin = performance.now();
    const tensors = task.tensors(tf, values);
    const output = network.execute(tensors, node.replace(/:0$/, ''));
    const result = await output.data();
    tf.dispose([...Object.values(tensors), output]);
    return { result, ms: performance.now() - begin };
  };

  const together = await run(inputs);
  const differences = [maxDifference(together.result, logits)];
  const times = [];
  for (let i = 0; i < count; i++) {
    const { result, ms } = await run(task.one(inputs, i));
    times.push(ms);
    differences.push(maxDifference(result, logits.slice(i * task.classes, (i + 1) * task.classes)));
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
  return a.reduce((most, value, i) => {
    const difference = Math.abs(value - b[i]);
    // NaN compares as false with everything, so it has to be asked for.
    return difference <= most ? most : Number.isNaN(difference) ? Infinity : difference;
  }, 0);
}
