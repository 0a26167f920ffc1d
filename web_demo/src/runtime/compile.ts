/** All shaders of a graph, compiled at once before its first run, which would wait for one after the other. */

import * as tf from '@tensorflow/tfjs-core';
import type { MathBackendWebGL } from '@tensorflow/tfjs-backend-webgl';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';

/** With these a run compiles its shaders, without waiting for them, and computes nothing. */
const ONLY_COMPILE: Readonly<Record<string, string>> = {
  webgl: 'ENGINE_COMPILE_ONLY',
  webgpu: 'WEBGPU_ENGINE_COMPILE_ONLY',
};

/**
 * Compiles what `run` runs on the backend of the moment, where that has shaders and can compile them beside each
 * other. What cannot be compiled is left to the first true run, which says why. `run` may not read numbers: there
 * are none.
 */
export async function compile(run: () => tf.Tensor[]): Promise<void> {
  const flag = ONLY_COMPILE[tf.getBackend()];
  if (flag === undefined) return;
  const backend = tf.backend();
  // Without it a run that only compiles waits as long, and the true one comes on top.
  if (flag === ONLY_COMPILE.webgl && !(backend as MathBackendWebGL).gpgpu.parallelCompilationExtension) return;
  try {
    tf.env().set(flag, true);
    try {
      tf.dispose(tf.tidy(run));
    } finally {
      tf.env().set(flag, false);
    }
    if (flag === ONLY_COMPILE.webgpu) await (backend as WebGPUBackend).checkCompileCompletionAsync();
    else await finishWebGL(backend as MathBackendWebGL);
  } catch (error) {
    console.warn('Shaders could not be compiled ahead:', error);
  }
}

/** TensorFlow.js waits by frames, of which a page in the background has none. */
async function finishWebGL(backend: MathBackendWebGL): Promise<void> {
  const { gl, parallelCompilationExtension: extension } = backend.gpgpu;
  const { binaryCache } = backend as unknown as { binaryCache: Record<string, { webGLProgram: WebGLProgram }> };
  for (const { webGLProgram } of Object.values(binaryCache)) {
    while (!gl.isContextLost()) {
      if (gl.getProgramParameter(webGLProgram, extension!.COMPLETION_STATUS_KHR)) break;
      await new Promise((resume) => setTimeout(resume, 4));
    }
  }
  backend.checkCompileCompletion();
  backend.getUniformLocations();
}
