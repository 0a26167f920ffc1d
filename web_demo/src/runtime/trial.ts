/** Loads an artifact into one runtime and backend, for `zoo verify`, `zoo bench` and `zoo profile`. */

import { readArtifact, type AnyArtifact } from '../artifact/artifact';
import { downloadCases, type Cases } from '../artifact/cases';
import { Failure } from '../artifact/failure';
import { downloadModel } from '../artifact/model';
import { BACKENDS, surveyBackends, type Availability } from './backends';
import { loadInWorker } from './remote';
import type { BackendName, Model, Session } from './runtime';
import { findRuntime, type Runtime } from './runtimes';

const TASKS = ['image-classification', 'language-model-step', 'tensors'] as const;

export interface Trial {
  readonly artifact: AnyArtifact;
  readonly cases: Cases;
  readonly session: Session;
  readonly backend: BackendName;
  readonly reads: string;
  /** Time to load the files from memory, in milliseconds. */
  readonly loadMs: number;
}

/** Availability of a backend in this browser; throws a `Failure` for unknown names. */
export async function survey(backend: string): Promise<Availability> {
  const found = (await surveyBackends()).find((one) => one.backend === backend);
  if (!found) throw new Failure(`Unknown backend "${backend}": choose ${BACKENDS.join(', ')}.`);
  return found;
}

/** An artifact with its files for a runtime. */
export interface Download {
  readonly runtime: Runtime;
  readonly artifact: AnyArtifact;
  readonly cases: Cases;
  readonly model: Model;
}

export async function download(path: string, name: string): Promise<Download> {
  const runtime = findRuntime(name);
  const artifact = await readArtifact(new URL('.', location.href), path, TASKS, [runtime.reads]);
  const [model, cases] = await Promise.all([downloadModel(artifact, runtime.reads), downloadCases(artifact)]);
  return { runtime, artifact, cases, model };
}

export async function begin(path: string, name: string, backend: BackendName, threads?: number): Promise<Trial> {
  const { runtime, artifact, cases, model } = await download(path, name);
  const start = performance.now();
  const session = await loadInWorker(runtime, model, backend, { threads });
  return { artifact, cases, session, backend, reads: runtime.reads, loadMs: performance.now() - start };
}
