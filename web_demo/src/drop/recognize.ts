/** Tells what kind of network some files are. */

import { Failure } from '../artifact/failure';
import { isRecord } from '../artifact/manifest';
import { RUNTIMES, type Runtime } from '../runtime/runtimes';
import type { Found } from './collect';

/** A folder with a manifest, or the files of one format, under the paths of an artifact. */
export type Network =
  | { readonly kind: 'artifact'; readonly name: string; readonly files: ReadonlyMap<string, Blob> }
  | { readonly kind: 'bare'; readonly name: string; readonly runtime: Runtime; readonly files: ReadonlyMap<string, Blob> };

/** Throws a `Failure` unless the files are one network. */
export async function recognize(found: readonly Found[]): Promise<Network> {
  const manifests = outermost(found.filter(({ path }) => baseName(path) === 'manifest.json'));
  if (manifests.length > 1) throw several(manifests);
  if (manifests[0]) {
    const folder = folderOf(manifests[0].path);
    return { kind: 'artifact', name: baseName(folder.slice(0, -1)) || 'network', files: inFolder(found, folder) };
  }
  const models = found.filter(({ path }) => /\.(onnx|tflite)$/i.test(path) || baseName(path) === 'model.json');
  const [model, other] = models;
  if (other) throw several(models);
  if (!model) {
    throw new Failure(
      `${found[0]?.path.split('/')[0] ?? 'The folder'} has no network: open a folder or zip written by zoo build, a TF.js model.json with its .bin files, or a .tflite or .onnx file.`,
    );
  }
  const reads = /\.onnx$/i.test(model.path) ? 'onnx' : /\.tflite$/i.test(model.path) ? 'tflite' : 'tfjs';
  const files = reads === 'tfjs' ? await graphFiles(found, model) : new Map([[`${reads}/model.${reads}`, model.file]]);
  const folder = baseName(folderOf(model.path).slice(0, -1));
  const name = reads === 'tfjs' ? folder || 'model' : baseName(model.path);
  return { kind: 'bare', name, runtime: RUNTIMES.find((runtime) => runtime.reads === reads)!, files };
}

/** model.json and the weight files that it lists. */
async function graphFiles(found: readonly Found[], model: Found): Promise<Map<string, Blob>> {
  const beside = inFolder(found, folderOf(model.path));
  const text = await model.file.text();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Failure(`${model.path} is not JSON: convert the network again.`);
  }
  if (isRecord(json) && json.format === 'layers-model') {
    throw new Failure(`${model.path} is a Keras layers model: convert it with tensorflowjs_converter --output_format=tfjs_graph_model.`);
  }
  const groups = isRecord(json) ? json.weightsManifest : null;
  if (!Array.isArray(groups)) throw new Failure(`${model.path} is not a TensorFlow.js graph model: open one with its .bin files.`);
  const files = new Map([['tfjs/model.json', model.file]]);
  for (const path of groups.flatMap((group) => (isRecord(group) && Array.isArray(group.paths) ? group.paths.map(String) : []))) {
    const part = beside.get(path);
    if (!part) throw new Failure(`${path}, which ${model.path} names, is missing: open both, or the whole folder.`);
    files.set(`tfjs/${path}`, part);
  }
  return files;
}

function outermost(found: readonly Found[]): readonly Found[] {
  const depth = ({ path }: Found) => path.split('/').length;
  const least = Math.min(...found.map(depth));
  return found.filter((one) => depth(one) === least);
}

function inFolder(found: readonly Found[], folder: string): Map<string, Blob> {
  return new Map(found.filter(({ path }) => path.startsWith(folder)).map(({ path, file }) => [path.slice(folder.length), file]));
}

function several(found: readonly Found[]): Failure {
  const names = found.slice(0, 3).map(({ path }) => path).join(', ');
  return new Failure(`There are ${found.length} networks (${names}${found.length > 3 ? ', …' : ''}): open one at a time.`);
}

const baseName = (path: string): string => path.split('/').at(-1)!;
const folderOf = (path: string): string => path.slice(0, path.length - baseName(path).length);
