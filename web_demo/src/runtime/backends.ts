/** Backends, and which of them this browser supports. */

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
  /** Why it is unavailable; null if it is available. */
  readonly reason: string | null;
  /** Shown next to the backend. */
  readonly note: string;
  /** An emulated GPU: correct, but slower than WebAssembly. */
  readonly software: boolean;
}

export async function surveyBackends(): Promise<Availability[]> {
  const survey = async (backend: Backend) =>
    SURVEYS[backend]().catch((error: unknown) => missing(backend, `detection failed (${messageOf(error)})`));
  return Promise.all(BACKENDS.map(survey));
}

/** The first available backend that is not emulated, else the first available, else the last. */
export function bestBackend(survey: readonly Availability[]): Backend {
  const open = survey.filter(({ reason }) => reason === null);
  return (open.find(({ software }) => !software) ?? open[0] ?? survey.at(-1)!).backend;
}

const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

const SURVEYS: Readonly<Record<Backend, () => Promise<Availability>>> = {
  webgpu: async () => {
    if (!globalThis.isSecureContext) return missing('webgpu', 'needs HTTPS or 127.0.0.1');
    if (!navigator.gpu) return missing('webgpu', 'not supported by this browser');
    const adapter = await navigator.gpu.requestAdapter().catch(() => null);
    if (!adapter) return missing('webgpu', 'no compatible GPU found');
    const { architecture, description, isFallbackAdapter }: Partial<GPUAdapterInfo> = adapter.info ?? {}; // new in 2024
    return graphics('webgpu', isFallbackAdapter === true || SOFTWARE.test(`${architecture} ${description}`));
  },
  webgl: async () => {
    if (typeof OffscreenCanvas === 'undefined') return missing('webgl', 'not supported in workers by this browser');
    const context = new OffscreenCanvas(1, 1).getContext('webgl2');
    if (!context) return missing('webgl', 'WebGL 2 is unsupported or disabled');
    if (!context.getExtension('EXT_color_buffer_float'))
      return missing('webgl', 'this GPU cannot render to float textures');
    const named = context.getExtension('WEBGL_debug_renderer_info');
    const renderer = String(context.getParameter(named ? named.UNMASKED_RENDERER_WEBGL : context.RENDERER));
    // The number of contexts per page is limited.
    context.getExtension('WEBGL_lose_context')?.loseContext();
    return graphics('webgl', SOFTWARE.test(renderer));
  },
  wasm: async () => {
    if (typeof WebAssembly !== 'object') return missing('wasm', 'not supported by this browser');
    return { backend: 'wasm', reason: null, note: `CPU, ${threads()}`, software: false };
  },
  cpu: async () => ({ backend: 'cpu', reason: null, note: 'CPU, slow', software: false }),
};

function threads(): string {
  if (globalThis.crossOriginIsolated) return 'multi-threaded';
  // The service worker of a static site isolates the next visit.
  const isolates = 'offline' in document.documentElement.dataset && 'serviceWorker' in navigator;
  return isolates ? 'single-threaded until you reload the page' : 'single-threaded: the page is not cross-origin isolated';
}

function missing(backend: Backend, reason: string): Availability {
  return { backend, reason, note: '', software: false };
}

function graphics(backend: Backend, software: boolean): Availability {
  const note = software ? 'emulated GPU, slow' : 'GPU';
  return { backend, reason: null, note, software };
}
