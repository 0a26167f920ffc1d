/** Starting the backends of TensorFlow.js, and waiting for their numbers while they last. */

import * as tf from '@tensorflow/tfjs-core';
import type { MathBackendWebGL } from '@tensorflow/tfjs-backend-webgl';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import plainWasm from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import simdWasm from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import threadedWasm from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url';
import { Failure, messageOf } from '../artifact/failure';
import { TITLES, type Backend } from './backends';
import { threadsOf, watchDevice } from './runtime';

/** What waits for numbers, by how to end it, and their backend: TensorFlow.js waits for a lost one for ever. */
const waiting = new Map<(error: Failure) => void, string>();

/** `numbers` of the backend of the moment; fails when that is lost first. */
export async function whileItLasts<T>(numbers: Promise<T>): Promise<T> {
  let fail: (error: Failure) => void;
  const lost = new Promise<never>((_, reject) => waiting.set((fail = reject), tf.getBackend()));
  try {
    return await Promise.race([numbers, lost]);
  } finally {
    waiting.delete(fail!);
  }
}

/**
 * Makes `backend` the one that networks run on, or fails with a sentence to go on from.
 * `onLost` is told when the browser takes it away again.
 */
export async function startBackend(
  backend: Backend,
  onLost: (sentence: string) => void,
  threads?: number,
): Promise<void> {
  try {
    await LOADERS[backend](threads);
    if (!(await tf.setBackend(backend))) throw new Error('this browser refused it');
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

/** A backend's code comes only when it is chosen. */
const LOADERS: Readonly<Record<Backend, (threads: number | undefined) => Promise<unknown>>> = {
  webgpu: () => import('@tensorflow/tfjs-backend-webgpu'),
  webgl: async () => {
    await import('@tensorflow/tfjs-backend-webgl');
    // Half as many shaders to compile, because the shapes stay out of their text.
    tf.env().set('WEBGL_USE_SHAPES_UNIFORMS', true);
    // It avoids OffscreenCanvas in Safari, which has had WebGL 2 on it since 17; a worker has no other canvas.
    tf.env().set('IS_SAFARI', false);
    // Whoever chooses WebGL in software was told what it is.
    tf.env().set('SOFTWARE_WEBGL_ENABLED', true);
  },
  wasm: async (threads) => {
    const { setThreadsCount, setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    // Asking for a backend that is not there yet would start it, and then again.
    if (!('wasm' in tf.engine().registry)) setThreadsCount(threadsOf(threads)); // it cannot be changed afterwards
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
    onLost('The browser took the WebGL context away (a graphics driver that restarted, or too many pages at once)');
  });
}

function watchBackend(backend: WebGPUBackend, onLost: (sentence: string) => void): void {
  if (watched.has(backend)) return;
  watched.add(backend);
  watchDevice(backend.device, onLost);
}
