/**
 * Multinomial logistic regression on features, by Adam (Kingma and Ba 2015, arXiv 1412.6980) on all pictures at once.
 *
 * Features are standardized by their mean and deviation over the training pictures. The loss is the mean cross entropy
 * plus `decay` / 2 times the sum of the squared weights, without the biases: that of scikit-learn's LogisticRegression
 * with C = 1 / (decay * pictures). It is convex, so training starts at zero and is the same in every browser.
 */

import type { Head } from './graph';

export interface Picture {
  readonly features: Float32Array;
  /** The number of its class. */
  readonly truth: number;
}

export const STEPS = 400;
const RATE = 0.1;
/** Steps until the full rate: the first steps of Adam move all weights alike, which overshoots with many features. */
const WARM_UP = 60;
const [BETA1, BETA2, EPSILON] = [0.9, 0.999, 1e-8];

export class Training {
  private step = 0;
  private readonly width: number;
  private readonly mean: Float64Array;
  private readonly deviation: Float64Array;
  /** Standardized features by rows. */
  private readonly inputs: Float64Array;
  private readonly truths: Int32Array;
  /** Weights (features, classes) by rows, followed by the biases. */
  private readonly values: Float64Array;
  private readonly slopes: Float64Array;
  private readonly first: Float64Array;
  private readonly second: Float64Array;

  constructor(
    pictures: readonly Picture[],
    private readonly classes: number,
    private readonly decay = 0.01,
  ) {
    const width = (this.width = pictures[0]!.features.length);
    const count = pictures.length;
    this.mean = new Float64Array(width);
    this.deviation = new Float64Array(width);
    for (let f = 0; f < width; f++) {
      let [sum, squares] = [0, 0];
      for (const { features } of pictures) sum += features[f]! / count;
      for (const { features } of pictures) squares += (features[f]! - sum) ** 2 / count;
      this.mean[f] = sum;
      this.deviation[f] = squares > 1e-12 ? Math.sqrt(squares) : 1; // the same in all pictures
    }
    this.inputs = new Float64Array(count * width);
    pictures.forEach(({ features }, p) => {
      for (let f = 0; f < width; f++) this.inputs[p * width + f] = (features[f]! - this.mean[f]!) / this.deviation[f]!;
    });
    this.truths = Int32Array.from(pictures, ({ truth }) => truth);
    const size = (width + 1) * classes;
    [this.values, this.slopes, this.first, this.second] = [0, 0, 0, 0].map(() => new Float64Array(size)) as [Float64Array, Float64Array, Float64Array, Float64Array];
  }

  get done(): boolean {
    return this.step >= STEPS;
  }

  /** One step of Adam; returns the loss before it. */
  next(): number {
    const loss = this.differentiate();
    const t = ++this.step;
    const rate = (RATE * Math.min(1, t / WARM_UP) * (1 + Math.cos((Math.PI * (t - 1)) / STEPS))) / 2;
    const [unbias1, unbias2] = [1 - BETA1 ** t, 1 - BETA2 ** t];
    const { values, slopes, first, second } = this;
    for (let i = 0; i < values.length; i++) {
      const slope = slopes[i]!;
      first[i] = BETA1 * first[i]! + (1 - BETA1) * slope;
      second[i] = BETA2 * second[i]! + (1 - BETA2) * slope * slope;
      values[i]! -= (rate * (first[i]! / unbias1)) / (Math.sqrt(second[i]! / unbias2) + EPSILON);
    }
    return loss;
  }

  /** The head for features that are not standardized. */
  head(): Head {
    const { width, classes, values, mean, deviation } = this;
    const weights = new Float32Array(width * classes);
    const bias = Float64Array.from(values.subarray(width * classes));
    for (let f = 0; f < width; f++) {
      for (let c = 0; c < classes; c++) {
        const weight = values[f * classes + c]! / deviation[f]!;
        weights[f * classes + c] = weight;
        bias[c]! -= weight * mean[f]!;
      }
    }
    return { weights, bias: Float32Array.from(bias) };
  }

  /** The loss, whose derivatives go to `slopes`. */
  private differentiate(): number {
    const { width, classes, inputs, truths, values, slopes, decay } = this;
    const count = truths.length;
    const biases = width * classes;
    let loss = 0;
    slopes.fill(0);
    for (let i = 0; i < biases; i++) {
      loss += (decay / 2) * values[i]! * values[i]!;
      slopes[i] = decay * values[i]!;
    }
    const scores = new Float64Array(classes);
    for (let p = 0; p < count; p++) {
      scores.set(values.subarray(biases));
      for (let f = 0; f < width; f++) {
        const input = inputs[p * width + f]!;
        for (let c = 0; c < classes; c++) scores[c]! += input * values[f * classes + c]!;
      }
      const truth = truths[p]!;
      const score = scores[truth]!;
      loss += (logSumExp(scores) - score) / count;
      softmax(scores);
      scores[truth]! -= 1;
      for (let c = 0; c < classes; c++) slopes[biases + c]! += scores[c]! / count;
      for (let f = 0; f < width; f++) {
        const input = inputs[p * width + f]! / count;
        for (let c = 0; c < classes; c++) slopes[f * classes + c]! += input * scores[c]!;
      }
    }
    return loss;
  }
}

/** The logits of a head, in float64. */
export function logitsOf({ weights, bias }: Head, features: Float32Array): Float64Array {
  const classes = bias.length;
  const logits = Float64Array.from(bias);
  for (let f = 0; f < features.length; f++) {
    for (let c = 0; c < classes; c++) logits[c]! += features[f]! * weights[f * classes + c]!;
  }
  return logits;
}

/** Counts of pictures by true class (row) and predicted class (column). */
export function confusionOf(head: Head, pictures: readonly Picture[]): number[][] {
  const classes = head.bias.length;
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (const { features, truth } of pictures) {
    const logits = logitsOf(head, features);
    counts[truth]![logits.indexOf(Math.max(...logits))]! += 1;
  }
  return counts;
}

/** The share of the pictures on the diagonal; null without pictures. */
export function accuracyOf(confusion: readonly (readonly number[])[]): number | null {
  const all = confusion.flat().reduce((sum, count) => sum + count, 0);
  return all === 0 ? null : confusion.reduce((sum, row, at) => sum + row[at]!, 0) / all;
}

/** Every fifth picture of a class is held out: none of a class with fewer than five. */
export const isHeldOut = (place: number): boolean => place % 5 === 4;

function logSumExp(scores: Float64Array): number {
  const most = Math.max(...scores);
  return most + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - most), 0));
}

function softmax(scores: Float64Array): void {
  const most = Math.max(...scores);
  let sum = 0;
  for (let c = 0; c < scores.length; c++) sum += scores[c] = Math.exp(scores[c]! - most);
  for (let c = 0; c < scores.length; c++) scores[c]! /= sum;
}
