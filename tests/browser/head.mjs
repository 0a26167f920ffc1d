/** node head.mjs: trains heads on the pictures of standard input, as JSON; prints weights, bias and logits. */

import { readFileSync } from 'node:fs';
import { confusionOf, logitsOf, Training } from './teach/head.js';

const { features, truths, classes, decay } = JSON.parse(readFileSync(0, 'utf8'));
const pictures = features.map((values, at) => ({ features: Float32Array.from(values), truth: truths[at] }));
const training = new Training(pictures, classes, decay);
const losses = [];
while (!training.done) losses.push(training.next());
const head = training.head();
console.log(JSON.stringify({
  losses,
  weights: [...head.weights],
  bias: [...head.bias],
  logits: pictures.map((one) => [...logitsOf(head, one.features)]),
  confusion: confusionOf(head, pictures),
}));
