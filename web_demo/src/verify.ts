/** `verify.html?model=models/NAME/&runtime=litert&backend=wasm`: checks the fixture in one runtime, for `zoo verify`. */

import { provenOf, takesOf } from './artifact/artifact';
import { Failure, sentence } from './artifact/failure';
import { Judge, median, runCases } from './runtime/agreement';
import type { BackendName, Described } from './runtime/runtime';
import { begin, survey, type Trial } from './runtime/trial';

interface Verification {
  backend: string;
  available: boolean;
  reason: string | null;
  ok: boolean;
  max_difference: number | null;
  limit: number | null;
  ms: number | null;
  error: string | null;
}

declare global {
  interface Window {
    zooVerify?: Verification;
    /** The most probable class of each image; takes the raw float32 pixels of all images as base64. */
    zooClassify?: (pixels: string) => Promise<number[]>;
  }
}

async function verify(model: string, runtime: string, backend: BackendName): Promise<Partial<Verification>> {
  const { reason } = await survey(backend);
  if (reason !== null) return { available: false, reason };
  const trial = await begin(model, runtime, backend);
  const { artifact, cases, session, reads } = trial;
  const judge = new Judge(artifact.manifest, cases, provenOf(artifact), reads, backend);
  const times = await runCases(session, cases, judge);
  if (artifact.manifest.task === 'image-classification') window.zooClassify = classifier(trial);
  const { ok, difference, limit, output } = judge.verdict();
  const steady = times.length > 1 ? times.slice(1) : times; // the first is a warm-up
  const error = ok ? null : `${output} differs`;
  return { ok, max_difference: difference, limit, ms: median(steady), error };
}

/** Classifies images, in one batch if the session can. */
function classifier({ artifact, session }: Trial): (pixels: string) => Promise<number[]> {
  const [{ name, shape }] = takesOf(artifact) as [Described];
  const [batch, ...image] = shape as [number | null, ...number[]];
  const size = image.reduce((product, one) => product * one, 1);
  return async (pixels) => {
    const all = floats(pixels);
    const at = session.openBatch && batch === null ? all.length : size * (batch ?? 1);
    const answers: number[] = [];
    for (let first = 0; first < all.length; first += at) {
      const data = all.slice(first, first + at);
      const input = { data, shape: [data.length / size, ...image] };
      const { logits } = (await session.run({ [name]: input }, ['logits'])).outputs;
      const classes = logits!.shape.at(-1)!;
      for (let row = 0; row < logits!.data.length; row += classes) {
        const one = logits!.data.slice(row, row + classes);
        answers.push(one.indexOf(Math.max(...one)));
      }
    }
    return answers;
  };
}

function floats(base64: string): Float32Array {
  return new Float32Array(Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0)).buffer);
}

const asked = new URLSearchParams(location.search);
const backend = asked.get('backend') ?? '';
const report: Verification = {
  backend,
  available: true,
  reason: null,
  ok: false,
  max_difference: null,
  limit: null,
  ms: null,
  error: null,
};
try {
  const runtime = asked.get('runtime') ?? 'tfjs';
  Object.assign(report, await verify(asked.get('model') ?? '', runtime, backend as BackendName));
} catch (error) {
  if (!(error instanceof Failure)) console.error(error);
  report.error = sentence(error);
}
window.zooVerify = report;
const output = document.querySelector('output')!;
output.textContent = JSON.stringify(report, null, 2);
// Signals the end: the Content-Security-Policy blocks polling by eval().
output.dataset.done = backend;
