/**
 * Programs that run the open network outside of this page: one for each runtime, and one in Python. Each loads the
 * served files, runs the first recorded input, and leaves the `outputs`, by name. The tests run the text as it is.
 */

import { isImages, isStep, type AnyArtifact } from '../artifact/artifact';
import { isTensors } from '../artifact/manifest';
import { firstInputs, isFloat, isWide, type Slice } from './recorded';

export interface Example {
  readonly name: string;
  readonly title: string;
  /** The formats that it can run, best first. */
  readonly reads: readonly string[];
  /** The command that installs what the program imports. */
  readonly install: (program: Program) => string;
  readonly write: (program: Program) => string;
}

/** What a program runs. */
export interface Program {
  readonly artifact: AnyArtifact;
  /** Address of the artifact, with a slash at its end. */
  readonly home: string;
  /** One of `reads`. */
  readonly reads: string;
  readonly backend: string;
}

/** By name: those of runtimes.json, then Python. */
export const EXAMPLES: readonly Example[] = [
  {
    name: 'tfjs',
    title: 'TF.js',
    reads: ['tfjs'],
    install: ({ backend }) =>
      ['core', 'converter', `backend-${backend}`].reduce((all, part) => `${all} @tensorflow/tfjs-${part}`, 'npm install'),
    write: (program) => {
      const { backend } = program;
      const wasm = backend === 'wasm';
      return lines(
        `import * as tf from '@tensorflow/tfjs-core';`,
        `import {loadGraphModel} from '@tensorflow/tfjs-converter';`,
        wasm ? `import {setWasmPaths} from '@tensorflow/tfjs-backend-wasm';` : `import '@tensorflow/tfjs-backend-${backend}';`,
        '',
        home(program, 'js'),
        wasm && `setWasmPaths('./');   // the folder with the .wasm files of the backend`,
        `await tf.setBackend('${backend}');`,
        'const model = await loadGraphModel(`${home}tfjs/model.json`);',
        '',
        ...recorded(program),
        ...inputs(program, (one) => `tf.tensor(${slice(one)}, ${shape(one)}, '${kindOf(one)}')`),
        `const outputs = ${isTensors(program.artifact.manifest) ? 'await model.predictAsync' : 'model.predict'}(inputs);`,
        ...answer(program, 'tensor.shape', 'await tensor.data()'),
      );
    },
  },
  {
    name: 'litert',
    title: 'LiteRT.js',
    reads: ['tflite'],
    install: () => 'npm install @litertjs/core',
    write: (program) =>
      lines(
        `import {loadAndCompile, loadLiteRt, Tensor} from '@litertjs/core';`,
        '',
        home(program, 'js'),
        `await loadLiteRt('./litert/');   // the folder @litertjs/core/wasm, copied`,
        'const model = await loadAndCompile(`${home}tflite/model.tflite`, {accelerator: ' + `'${program.backend}'});`,
        '',
        ...recorded(program),
        ...inputs(program, (one) => `new Tensor(${isFloat(one) ? slice(one) : `${arrayOf(one)}.from(${slice(one)})`}, ${shape(one)})`),
        'const outputs = await model.run(inputs);',
        ...answer(program, 'tensor.type.layout.dimensions', 'await tensor.data()'),
      ),
  },
  {
    name: 'ort-web',
    title: 'ONNX Runtime Web',
    reads: ['onnx'],
    install: () => 'npm install onnxruntime-web',
    write: (program) =>
      lines(
        `import * as ort from 'onnxruntime-web/${program.backend}';`,
        '',
        home(program, 'js'),
        `ort.env.wasm.wasmPaths = new URL('./ort/', location.href).href;   // the folder onnxruntime-web/dist, copied`,
        'const session = await ort.InferenceSession.create(`${home}onnx/model.onnx`, ' + `{executionProviders: ['${program.backend}']});`,
        '',
        ...recorded(program),
        ...inputs(program, (one) => `new ort.Tensor('${one.dtype}', ${valuesOf(one)}, ${shape(one)})`),
        'const outputs = await session.run(inputs);',
        ...answer(program, 'tensor.dims', 'await tensor.getData()'),
      ),
  },
  {
    name: 'python',
    title: 'Python',
    reads: ['onnx', 'tflite'],
    install: ({ reads }) => `pip install ${reads === 'onnx' ? 'onnxruntime' : 'tensorflow'}`,
    write: (program) => {
      const onnx = program.reads === 'onnx';
      const file = onnx ? 'onnx/model.onnx' : 'tflite/model.tflite';
      return lines(
        isImages(program.artifact) && 'import json',
        'from urllib.request import urlopen',
        '',
        'import numpy as np',
        onnx ? 'import onnxruntime' : 'import tensorflow as tf',
        '',
        home(program, 'python'),
        `model = urlopen(home + "${file}").read()`,
        ...(onnx
          ? ['session = onnxruntime.InferenceSession(model)', 'names = [output.name for output in session.get_outputs()]']
          : ['run = tf.lite.Interpreter(model_content=model).get_signature_runner()']),
        '',
        `# ${inputNote(program)}`,
        `recorded = np.frombuffer(urlopen(home + ${JSON.stringify(program.artifact.manifest.fixture.input)}).read(), "<f4")`,
        'inputs = {',
        ...firstInputs(program.artifact).map((one) => `    ${JSON.stringify(one.name)}: ${arrayInPython(one, onnx)},`),
        '}',
        onnx ? 'outputs = dict(zip(names, session.run(names, inputs)))' : 'outputs = run(**inputs)',
        'for name, values in outputs.items():',
        '    print(name, values.shape, values)',
        ...(isImages(program.artifact)
          ? [
              '',
              'labels = json.load(urlopen(home + "manifest.json"))["labels"]',
              'best = outputs["probabilities"].argmax()',
              'print(labels[best] if labels else f"class {best}")',
            ]
          : []),
      );
    },
  },
];

/** Joins lines; leaves out those that do not apply. */
const lines = (...all: readonly (string | false)[]): string => `${all.filter((line) => line !== false).join('\n')}\n`;

function home({ home: address }: Program, language: 'js' | 'python'): string {
  const note = 'or your copy of this folder';
  return language === 'js' ? `const home = ${quote(address)};   // ${note}` : `home = ${JSON.stringify(address)}   # ${note}`;
}

/** The lines of JavaScript that read the fixture. */
function recorded(program: Program): string[] {
  const { input } = program.artifact.manifest.fixture;
  return [
    `// ${inputNote(program)}`,
    `const file = await fetch(\`\${home}${input}\`);`,
    'const recorded = new Float32Array(await file.arrayBuffer());',
  ];
}

function inputNote({ artifact }: Program): string {
  if (isImages(artifact)) return 'A recorded image: raw values 0 to 255, row by row. Use your own here.';
  if (isStep(artifact)) return 'A recorded step: a token, and the hidden state, which the output next_hidden continues.';
  return 'A recorded input. Use your own here.';
}

function inputs({ artifact }: Program, tensor: (one: Slice) => string): string[] {
  return ['const inputs = {', ...firstInputs(artifact).map((one) => `  ${key(one.name)}: ${tensor(one)},`), '};'];
}

/** The lines of JavaScript that print the outputs, and the class of an image. */
function answer({ artifact }: Program, dims: string, values: string): string[] {
  const print = [
    'for (const [name, tensor] of Object.entries(outputs)) {',
    `  console.log(name, ${dims}, ${values});`,
    '}',
  ];
  if (!isImages(artifact)) return print;
  return [
    ...print,
    '',
    'const {labels} = await (await fetch(`${home}manifest.json`)).json();',
    `const scores = ${values.replace('tensor', 'outputs.probabilities')};`,
    'const best = scores.indexOf(Math.max(...scores));',
    'console.log(labels[best] ?? `class ${best}`);',
  ];
}

const slice = ({ start, end }: Slice): string => `recorded.slice(${start}, ${end})`;
const shape = ({ shape: sizes }: Slice): string => `[${sizes.join(', ')}]`;
const quote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
const key = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : quote(name));

/** The type in TensorFlow.js. */
const kindOf = (one: Slice): string => (one.dtype === 'bool' ? 'bool' : isFloat(one) ? 'float32' : 'int32');

/** The array of an integer or boolean type of a TFLite file, to which the converter turns wider ones into int32. */
const arrayOf = ({ dtype }: Slice): string => (dtype === 'uint8' ? 'Uint8Array' : 'Int32Array');

/** The array that ONNX Runtime Web wants for a type. */
function valuesOf(one: Slice): string {
  if (one.dtype === 'float32') return slice(one);
  if (isWide(one)) return `${one.dtype === 'int64' ? 'BigInt64Array' : 'BigUint64Array'}.from(${slice(one)}, BigInt)`;
  const kind = one.dtype === 'bool' ? 'uint8' : one.dtype;
  return `${kind[0]!.toUpperCase()}${kind.slice(1)}Array.from(${slice(one)})`;
}

function arrayInPython(one: Slice, onnx: boolean): string {
  const { start, end, dtype, shape: sizes } = one;
  const kind = onnx ? dtype : isFloat(one) ? 'float32' : dtype === 'uint8' ? dtype : 'int32';
  const cast = kind === 'float32' ? '' : `.astype(${JSON.stringify(kind)})`;
  return `recorded[${start}:${end}].reshape(${sizes.join(', ')}${sizes.length === 0 ? '()' : ''})${cast}`;
}
