/** Starts the backends of TensorFlow.js, and detects their loss. */

import * as tf from '@tensorflow/tfjs-core';
import type { MathBackendWebGL } from '@tensorflow/tfjs-backend-webgl';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import plainWasm from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import simdWasm from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import threadedWasm from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url';
import { Failure, messageOf } from '../artifact/failure';
import { TITLES, type Backend } from './backends';
import { threadsOf, watchDevice } from './runtime';

/** The reject functions of pending reads, with their backend: TensorFlow.js never settles reads of a lost one. */
const waiting = new Map<(error: Failure) => void, string>();

/** Resolves to `numbers`, or rejects if the current backend is lost before. */
export async function whileItLasts<T>(numbers: Promise<T>): Promise<T> {
  let fail: (error: Failure) => void;
  const lost = new Promise<never>((_, reject) => waiting.set((fail = reject), tf.getBackend()));
  try {
    return await Promise.race([numbers, lost]);
  } finally {
    waiting.delete(fail!);
  }
}

/** Starts `backend` and makes it the current one; throws a `Failure`. `onLost` is called with the reason of a loss. */
export async function startBackend(
  backend: Backend,
  onLost: (sentence: string) => void,
  threads?: number,
): Promise<void> {
  try {
    await LOADERS[backend](threads);
    if (!(await tf.setBackend(backend))) throw new Error('not supported by this browser');
    await tf.ready();
  } catch (error) {
    throw new Failure(`${TITLES[backend]} did not start (${messageOf(error)})`);
  }
  const lose = (sentence: string) => {
    onLost(sentence);
    for (const [fail, of] of [...waiting]) if (of === backend) fail(new Failure(`${sentence}.`));
  };
  if (backend === 'webgl') watchContext(tf.backend() as MathBackendWebGL, lose);
  if (backend === 'webgpu') watchBackend(tf.backend() as WebGPUBackend, lose);
}

/** Each backend is imported when it is chosen. */
const LOADERS: Readonly<Record<Backend, (threads: number | undefined) => Promise<unknown>>> = {
  webgpu: () => import('@tensorflow/tfjs-backend-webgpu'),
  webgl: async () => {
    await import('@tensorflow/tfjs-backend-webgl');
    // Shapes as uniforms halve the number of shaders to compile.
    tf.env().set('WEBGL_USE_SHAPES_UNIFORMS', true);
    // TensorFlow.js avoids OffscreenCanvas in Safari; since Safari 17 it has WebGL 2, and a worker has no other canvas.
    tf.env().set('IS_SAFARI', false);
    // Emulated WebGL is marked as such on the page.
    tf.env().set('SOFTWARE_WEBGL_ENABLED', true);
  },
  wasm: async (threads) => {
    const { setThreadsCount, setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    // tf.findBackend() would start the backend.
    if (!('wasm' in tf.engine().registry)) setThreadsCount(threadsOf(threads)); // fixed once started
    setWasmPaths({
      'tfjs-backend-wasm.wasm': plainWasm,
      'tfjs-backend-wasm-simd.wasm': simdWasm,
      'tfjs-backend-wasm-threaded-simd.wasm': threadedWasm,
    });
  },
  cpu: () => import('@tensorflow/tfjs-backend-cpu'),
};

const watched = new WeakSet<object>();

function watchContext(backend: MathBackendWebGL, onLost: (sentence: string) => void): void {
  if (watched.has(backend)) return;
  watched.add(backend);
  backend.gpgpu.gl.canvas.addEventListener('webglcontextlost', () => {
    onLost('The browser lost the WebGL context (driver restart or too many pages)');
  });
}

function watchBackend(backend: WebGPUBackend, onLost: (sentence: string) => void): void {
  if (watched.has(backend)) return;
  watched.add(backend);
  watchDevice(backend.device, onLost);
}
