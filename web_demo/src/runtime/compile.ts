/** Compiles all shaders of a graph in parallel; the first run would compile them one by one. */

import * as tf from '@tensorflow/tfjs-core';
import type { MathBackendWebGL } from '@tensorflow/tfjs-backend-webgl';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';

/** Flags with which a run starts to compile its shaders and computes nothing. */
const ONLY_COMPILE: Readonly<Record<string, string>> = {
  webgl: 'ENGINE_COMPILE_ONLY',
  webgpu: 'WEBGPU_ENGINE_COMPILE_ONLY',
};

/**
 * Compiles the shaders of `run` on the current backend, if it can compile in parallel. `run` must not read values. A
 * shader that does not compile is left to the first run, which reports the error.
 */
export async function compile(run: () => tf.Tensor[]): Promise<void> {
  const flag = ONLY_COMPILE[tf.getBackend()];
  if (flag === undefined) return;
  const backend = tf.backend();
  // Without the extension, compiling ahead takes as long as the first run, and adds to it.
  if (flag === ONLY_COMPILE.webgl && !(backend as MathBackendWebGL).gpgpu.parallelCompilationExtension) return;
  const warn = (error: unknown) => console.warn('Shaders were not compiled ahead:', error);
  tf.env().set(flag, true);
  try {
    tf.dispose(tf.tidy(run));
  } catch (error) {
    warn(error);
  } finally {
    tf.env().set(flag, false);
  }
  // Also after an error: the backend keeps the shaders so far, and cannot run them before this.
  try {
    if (flag === ONLY_COMPILE.webgpu) await (backend as WebGPUBackend).checkCompileCompletionAsync();
    else await finishWebGL(backend as MathBackendWebGL);
  } catch (error) {
    warn(error);
  }
}

/** TensorFlow.js polls by animation frames, which pages in the background do not get. */
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
