/** The backends that runtimes have: which of them this browser offers, and why not the others. */

import { messageOf } from '../artifact/failure';
import type { BackendName } from './runtime';

/** Best first. */
export const BACKENDS = ['webgpu', 'webgl', 'wasm', 'cpu'] as const satisfies readonly BackendName[];
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

/** The first available one that runs on real hardware, or else the first available, or the last where none is. */
export function bestBackend(survey: readonly Availability[]): Backend {
  const open = survey.filter(({ reason }) => reason === null);
  return (open.find(({ software }) => !software) ?? open[0] ?? survey.at(-1)!).backend;
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
    if (typeof OffscreenCanvas === 'undefined') return missing('webgl', 'this browser has it only outside of workers');
    const context = new OffscreenCanvas(1, 1).getContext('webgl2');
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
