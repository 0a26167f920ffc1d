/**
 * node graph.mjs: reads a graph model from standard input, as JSON with its weights in base64, and replaces its head;
 * prints the features and logits of the input, before and after, or why it cannot be taught.
 */

import { readFileSync } from 'node:fs';
import tf from '@tensorflow/tfjs-core';
import converter from '@tensorflow/tfjs-converter';
import '@tensorflow/tfjs-backend-cpu';
import { HeadedGraph } from './teach/graph.js';

const { model, shards, input, taught } = JSON.parse(readFileSync(0, 'utf8'));
const bytes = (text) => Uint8Array.from(Buffer.from(text, 'base64')).buffer;
const files = new Map(Object.entries(shards).map(([path, text]) => [`tfjs/${path}`, bytes(text)]));
files.set('tfjs/model.json', new TextEncoder().encode(JSON.stringify(model)).buffer);

/** The outputs, by name. */
async function run(parts) {
  const json = JSON.parse(new TextDecoder().decode(parts.get('tfjs/model.json')));
  const specs = json.weightsManifest.flatMap(({ weights }) => weights);
  const data = json.weightsManifest.flatMap(({ paths }) => paths).map((path) => parts.get(`tfjs/${path}`));
  const graph = await converter.loadGraphModel({ load: () => tf.io.getModelArtifactsForJSON(json, async () => [specs, data]) });
  const names = Object.keys(json.signature.outputs);
  const found = [graph.execute({ x: tf.tensor(input) }, names.map((name) => json.signature.outputs[name].name.replace(':0', '')))].flat();
  return Object.fromEntries(await Promise.all(names.map(async (name, at) => [name, await found[at].array()])));
}

try {
  const graph = HeadedGraph.read('net', files);
  const head = { weights: Float32Array.from(taught.weights), bias: Float32Array.from(taught.bias) };
  const { weights, bias } = graph.head();
  console.log(JSON.stringify({
    weights: [...weights],
    bias: [...bias],
    before: await run(graph.withFeatures()),
    after: await run(graph.withHead(head, 'taught', taught.labels, true)),
    paths: [...graph.withHead(head, 'taught', taught.labels).keys()],
  }));
} catch (error) {
  if (error.name !== 'Failure') throw error;
  console.log(JSON.stringify({ refused: error.message }));
}
