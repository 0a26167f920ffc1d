/** `verify.html?model=models/NAME/&backend=wasm`: the fixture on exactly that backend, for `zoo verify`. */

import { isStep, readArtifact } from './artifact/artifact';
import { BACKENDS, startBackend, surveyBackends, type Backend } from './runtime/backends';
import { downloadFixture, downloadModel, downloadStepFixture } from './artifact/download';
import { Failure, sentence } from './artifact/failure';
import { Network } from './runtime/network';
import { checkParity, maxDifference, verdict } from './runtime/parity';
import { StepNetwork } from './runtime/step';

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
    /** The most probable class of each image; raw pixels, float32, one image after the other, as base64. */
    zooClassify?: (pixels: string) => Promise<number[]>;
  }
}

const TASKS = ['image-classification', 'language-model-step'] as const;

async function verify(model: string, backend: Backend): Promise<Partial<Verification>> {
  const found = (await surveyBackends()).find((one) => one.backend === backend)!;
  if (found.reason !== null) return { available: false, reason: found.reason };
  const artifact = await readArtifact(new URL('.', location.href), model, TASKS);
  const [files, fixture] = await Promise.all([
    downloadModel(artifact, () => {}),
    isStep(artifact) ? downloadStepFixture(artifact) : downloadFixture(artifact),
  ]);
  await startBackend(backend, () => {}).catch((error: unknown) => {
    throw new Failure(`${sentence(error)}: leave this backend out with --backend, or try another browser.`);
  });
  const network = isStep(artifact)
    ? await StepNetwork.load(artifact.manifest, files)
    : await Network.load(artifact.manifest, files);
  const classes = fixture.logits[0]!.length;
  const { parity, timing } = await checkParity(network, artifact.manifest, fixture, backend);
  const together = await network.run(fixture.together);
  const difference = Math.max(parity.maxDifference, maxDifference(together.logits, joined(fixture.logits)));
  if (network instanceof Network) {
    window.zooClassify = async (pixels) => {
      const { logits } = await network.run(floats(pixels));
      return Array.from({ length: logits.length / classes }, (_, i) => {
        const one = logits.subarray(i * classes, (i + 1) * classes);
        return one.indexOf(Math.max(...one));
      });
    };
  }
  const { ok, limit } = verdict(difference, artifact.manifest, fixture, backend);
  return { ok, max_difference: difference, limit, ms: timing.steady };
}

function floats(base64: string): Float32Array {
  return new Float32Array(Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0)).buffer);
}

function joined(parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => [...part]));
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
  const known = BACKENDS.find((name) => name === backend);
  if (!known) throw new Failure(`"${backend}" is no backend: ask for one of ${BACKENDS.join(', ')}.`);
  Object.assign(report, await verify(asked.get('model') ?? '', known));
} catch (error) {
  report.error = sentence(error);
}
window.zooVerify = report;
const output = document.querySelector('output')!;
output.textContent = JSON.stringify(report, null, 2);
// What waits for the end can wait for this; the policy of the page stops anything that polls by eval().
output.dataset.done = backend;
