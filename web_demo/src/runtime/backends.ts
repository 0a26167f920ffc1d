/** The backends of TensorFlow.js: which of them this browser has, why not the others, and starting one. */

import * as tf from '@tensorflow/tfjs-core';
import type { MathBackendWebGL } from '@tensorflow/tfjs-backend-webgl';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import plainWasm from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import simdWasm from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import threadedWasm from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url';
import { Failure, messageOf } from '../artifact/failure';

/** Best first. */
export const BACKENDS = ['webgpu', 'webgl', 'wasm', 'cpu'] as const;
export type Backend = (typeof BACKENDS)[number];

export const TITLES: Readonly<Record<Backend, string>> = {
  webgpu: 'WebGPU',
  webgl: 'WebGL',
  wasm: 'WebAssembly',
  cpu: 'JavaScript',
};

export interface Availability {
  readonly backend: Backend;
  /** Why it cannot be used; null when it can. */
  readonly reason: string | null;
  /** What to know before choosing it. */
  readonly note: string;
  /** Drawn by the processor in a graphics driver's place: right, but slower than WebAssembly. */
  readonly software: boolean;
}

export async function surveyBackends(): Promise<Availability[]> {
  const survey = async (backend: Backend) =>
    SURVEYS[backend]().catch((error: unknown) => missing(backend, `looking for it failed (${messageOf(error)})`));
  return Promise.all(BACKENDS.map(survey));
}

/** The first available one that runs on real hardware; JavaScript always does. */
export function bestBackend(survey: readonly Availability[]): Backend {
  return survey.find(({ reason, software }) => reason === null && !software)?.backend ?? 'cpu';
}

/** What waits for numbers, by how to end it, and their backend: TensorFlow.js waits for a lost one for ever. */
const waiting = new Map<(error: Failure) => void, string>();

/** `numbers` of the backend of the moment; fails when that is lost first, or its network given up. */
export async function whileItLasts<T>(numbers: Promise<T>): Promise<T> {
  let fail: (error: Failure) => void;
  const lost = new Promise<never>((_, reject) => waiting.set((fail = reject), tf.getBackend()));
  try {
    return await Promise.race([numbers, lost]);
  } finally {
    waiting.delete(fail!);
  }
}

/** Ends what waits for a network that is given up. */
export function waitNoLonger(): void {
  for (const fail of [...waiting.keys()]) fail(new Failure('This network was given up.'));
}

/** `work`, or the end of waiting for it. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | null): Promise<T> {
  if (!signal) return work;
  signal.throwIfAborted();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  return Promise.race([work, aborted]);
}

/**
 * Makes `backend` the one that networks run on, or fails with a sentence to go on from.
 * `onLost` is told when the browser takes it away again.  After `signal` its code is not waited for.
 */
export async function startBackend(
  backend: Backend,
  onLost: (sentence: string) => void,
  signal: AbortSignal | null = null,
): Promise<void> {
  try {
    await unlessAborted(LOADERS[backend](), signal);
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
  if (backend === 'webgpu') watchDevice(tf.backend() as WebGPUBackend, lose);
}

/** Forgets a backend that was lost or did not start, so that nothing tries to free what it held. */
export function dropBackend(backend: Backend): void {
  if (tf.findBackendFactory(backend)) tf.removeBackend(backend); // its code may not have come
}

const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

const SURVEYS: Readonly<Record<Backend, () => Promise<Availability>>> = {
  webgpu: async () => {
    if (!globalThis.isSecureContext) return missing('webgpu', 'needs https, or the address 127.0.0.1');
    if (!navigator.gpu) return missing('webgpu', 'this browser does not offer it');
    const adapter = await navigator.gpu.requestAdapter().catch(() => null);
    if (!adapter) return missing('webgpu', 'this browser found no graphics processor for it');
    const { architecture, description, isFallbackAdapter }: Partial<GPUAdapterInfo> = adapter.info ?? {}; // new in 2024
    return graphics('webgpu', isFallbackAdapter === true || SOFTWARE.test(`${architecture} ${description}`));
  },
  webgl: async () => {
    const context = document.createElement('canvas').getContext('webgl2');
    if (!context) return missing('webgl', 'this browser has no WebGL 2, or it is switched off');
    if (!context.getExtension('EXT_color_buffer_float'))
      return missing('webgl', 'this graphics processor cannot write floating-point numbers');
    const named = context.getExtension('WEBGL_debug_renderer_info');
    const renderer = String(context.getParameter(named ? named.UNMASKED_RENDERER_WEBGL : context.RENDERER));
    // A page may hold few contexts at a time.
    context.getExtension('WEBGL_lose_context')?.loseContext();
    return graphics('webgl', SOFTWARE.test(renderer));
  },
  wasm: async () => {
    if (typeof WebAssembly !== 'object') return missing('wasm', 'this browser does not offer it');
    const threads = globalThis.crossOriginIsolated
      ? 'with threads'
      : 'without threads: this server does not isolate the page';
    return { backend: 'wasm', reason: null, note: `the processor, ${threads}`, software: false };
  },
  cpu: async () => ({ backend: 'cpu', reason: null, note: 'the processor, plainly; slow', software: false }),
};

function missing(backend: Backend, reason: string): Availability {
  return { backend, reason, note: '', software: false };
}

function graphics(backend: Backend, software: boolean): Availability {
  const note = software ? 'no graphics processor: imitated in software, slow' : 'the graphics processor';
  return { backend, reason: null, note, software };
}

/** A backend's code comes only when it is chosen. */
const LOADERS: Readonly<Record<Backend, () => Promise<unknown>>> = {
  webgpu: () => import('@tensorflow/tfjs-backend-webgpu'),
  webgl: async () => {
    await import('@tensorflow/tfjs-backend-webgl');
    // Half as many shaders to compile, because the shapes stay out of their text.
    tf.env().set('WEBGL_USE_SHAPES_UNIFORMS', true);
    // Whoever chooses WebGL in software was told what it is.
    tf.env().set('SOFTWARE_WEBGL_ENABLED', true);
  },
  wasm: async () => {
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
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

function watchDevice(backend: WebGPUBackend, onLost: (sentence: string) => void): void {
  if (watched.has(backend)) return;
  watched.add(backend);
  void backend.device.lost.then(({ reason }) => {
    if (reason !== 'destroyed')
      onLost('The browser took the WebGPU device away (a graphics driver that restarted, or one short of memory)');
  });
}
