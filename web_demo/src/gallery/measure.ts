/** Times a network of the site in a runtime and backend. */

import { provenOf, readArtifact, type Entry } from '../artifact/artifact';
import { downloadCases } from '../artifact/cases';
import { Failure } from '../artifact/failure';
import { downloadModel } from '../artifact/model';
import type { Choice } from '../choice/choice';
import { check } from '../runtime/check';
import { loadInWorker } from '../runtime/remote';

const TASKS = ['image-classification', 'language-model-step', 'tensors'] as const;

/**
 * The median time of one run of the fixture, in milliseconds; throws a `Failure`, also for wrong outputs; `signal`
 * aborts.
 */
export async function measure(page: URL, entry: Entry, { runtime, backend }: Choice, signal: AbortSignal): Promise<number> {
  const artifact = await readArtifact(page, entry.path, TASKS, [runtime.reads], signal);
  const { manifest } = artifact;
  const [model, cases] = await Promise.all([downloadModel(artifact, runtime.reads, signal), downloadCases(artifact, signal)]);
  const session = await loadInWorker(runtime, model, backend, {}, signal);
  const stop = () => session.dispose();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const reference = { manifest, cases, proven: provenOf(artifact) };
    const { agreement, timing } = await check(session, reference, runtime.reads, backend, signal);
    if (!agreement.ok) throw new Failure('wrong outputs');
    return timing.steady;
  } finally {
    signal.removeEventListener('abort', stop);
    session.dispose();
  }
}
