/** The artifact of a taught network, in a zip that `zoo build` reads. */

import { Zip, ZipPassThrough } from 'fflate';
import type { Artifact } from '../artifact/artifact';
import { Failure } from '../artifact/failure';
import { downloadListed, sha256 } from '../artifact/files';
import type { Manifest } from '../artifact/manifest';
import { withClassifier } from './safetensors';
import type { Taught } from './taught';

const WEIGHTS = 'model.safetensors';
/** Files of the network that stay. */
const KEPT = ['genotype.json', 'cell.svg'];

/** An image with the number of its class. */
export interface Proof {
  readonly pixels: Float32Array;
  readonly truth: number;
}

/** What a zip is made of: the name and classes of the network, its fixture, and the number of training pictures. */
export interface Lesson {
  readonly name: string;
  readonly labels: readonly string[];
  readonly proofs: readonly Proof[];
  readonly pictures: number;
}

/** `text` as the name of an artifact, which is also its folder. */
export const plainName = (text: string): string => text.replace(/[^A-Za-z0-9._-]/g, '-').replace(/^[._-]+/, '') || 'taught';

/** The zip; throws a `Failure` if the site lacks the files that it needs, or if a check fails. */
export async function pack(taught: Taught, lesson: Lesson, signal: AbortSignal): Promise<Blob> {
  const { artifact, graph } = taught.trunk;
  const { name, labels, proofs } = lesson;
  const files = new Map<string, Uint8Array>();
  for (const [path, bytes] of graph.withHead(taught.head, name, labels)) files.set(path, new Uint8Array(bytes));
  const weights = await original(artifact, WEIGHTS, signal);
  files.set(WEIGHTS, withClassifier(artifact.manifest.name, weights, graph.head(), taught.head));
  for (const path of KEPT) {
    if (path !== 'cell.svg' || path in artifact.manifest.files) files.set(path, new Uint8Array(await original(artifact, path, signal)));
  }
  files.set('labels.txt', encoded(labels.map((label) => `${label}\n`).join('')));
  const logits: Float32Array[] = [];
  for (const { pixels } of proofs) logits.push(await taught.logits(pixels));
  files.set('fixtures/input.bin', joined(proofs.map(({ pixels }) => pixels)));
  files.set('fixtures/logits.bin', joined(logits));
  const fields = describe(artifact.manifest, lesson, graph.features);
  files.set('README.md', encoded(card(fields, artifact.manifest, lesson)));
  const listed: Record<string, { sha256: string; bytes: number }> = {};
  for (const [path, bytes] of [...files].sort(([one], [other]) => (one < other ? -1 : 1))) {
    listed[path] = { sha256: await sha256(bytes.slice().buffer), bytes: bytes.length };
  }
  files.set('manifest.json', encoded(`${JSON.stringify({ ...fields, files: listed }, null, 2)}\n`));
  return zipOf(new Map([...files].map(([path, bytes]) => [`${name}/${path}`, bytes])));
}

/** A zip without compression: weights do not get smaller, and the rest is little. */
function zipOf(files: ReadonlyMap<string, Uint8Array>): Blob {
  const parts: BlobPart[] = [];
  const zip = new Zip((error, part) => {
    if (error) throw error;
    parts.push(part as Uint8Array<ArrayBuffer>);
  });
  for (const [path, bytes] of files) {
    const file = new ZipPassThrough(path);
    zip.add(file);
    file.push(bytes, true);
  }
  zip.end();
  return new Blob(parts, { type: 'application/zip' });
}

/**
 * The manifest: that of the network, with other classes. Metrics, agreement and parity were measured on the old head;
 * the fixture is of the browser that taught the new one.
 */
function describe(manifest: Manifest, { name, labels, proofs, pictures }: Lesson, features: number): Manifest {
  const more = labels.length - manifest.network.num_classes;
  const source = (manifest as { source?: string }).source;
  return {
    ...manifest,
    name,
    labels,
    source: [source, `head taught in the browser on ${pictures} pictures`].filter(Boolean).join('; '),
    network: { ...manifest.network, num_classes: labels.length },
    trained: true,
    metrics: {},
    agreement: [],
    parity: [],
    parameters: manifest.parameters + (features + 1) * more,
    multiply_adds: manifest.multiply_adds ? manifest.multiply_adds + features * more : null,
    fixture: {
      input: 'fixtures/input.bin',
      logits: 'fixtures/logits.bin',
      count: proofs.length,
      labels: proofs.map(({ truth }) => truth),
    },
  };
}

function card({ parameters, input }: Manifest, before: Manifest, { name, labels, pictures }: Lesson): string {
  const { width, height, channels } = input;
  return `# ${name}

The network ${before.name} (the cell ${before.genotype}) with a new head for ${labels.length} classes, taught in the browser on
${pictures} pictures: multinomial logistic regression on the pooled features. ${parameters.toLocaleString('en')} parameters.

Classes: ${labels.join(', ')}.

Input: \`${input.name}\`, float32 (batch, ${height}, ${width}, ${channels}), raw values 0 to 255; the graph normalizes.
Outputs: \`logits\` and \`probabilities\`.

\`zoo build ${name}.zip --export onnx\` exports it to other formats.
${before.licence ? `\n## License\n\nOf the weights below the head: ${before.licence}\n` : ''}`;
}

async function original(artifact: Artifact, path: string, signal: AbortSignal): Promise<ArrayBuffer> {
  try {
    return await downloadListed(artifact, path, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Failure && error.message.includes(' was not found: ')) {
      throw new Failure(`The zip needs ${path} of ${artifact.manifest.name}, which this site does not have: teach it on a page started with "zoo demo".`);
    }
    throw error;
  }
}

const encoded = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Tensors one after the other, in little-endian float32, like every platform with a browser. */
function joined(tensors: readonly Float32Array[]): Uint8Array {
  const all = new Float32Array(tensors.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const tensor of tensors) {
    all.set(tensor, at);
    at += tensor.length;
  }
  return new Uint8Array(all.buffer);
}
