/** The page: from the list of models to a network that answers. */

import { downloadBytes, readArtifact, readIndex, type Entry } from './artifact';
import { describeInput } from './answer';
import {
  bestBackend,
  dropBackend,
  startBackend,
  surveyBackends,
  TITLES,
  type Availability,
  type Backend,
} from './backends';
import { downloadFixture, downloadModel } from './download';
import { sentence } from './failure';
import { showFacts, showSamples } from './facts';
import { chooseSample, clearInputs, connectInputs } from './inputs';
import { Network } from './network';
import { element } from './page';
import { checkParity } from './parity';
import { readsDigits } from './picture';
import { markBackend, showBackends, showFailure, showParity, showProgress, showStep, showTimes } from './runtime';
import { answerAgain, forgetQuestion, session } from './session';

const page = new URL('.', location.href);
const asked = new URLSearchParams(location.search);

let survey: Availability[] = [];
let backend: Backend = 'cpu';

let line: Promise<void> = Promise.resolve();
let newest = new AbortController();

/** Runs `work` after whatever runs now; a newer call makes an older one stop at its next step. */
function take(work: (signal: AbortSignal) => Promise<void>): void {
  newest.abort();
  newest = new AbortController();
  const { signal } = newest;
  line = line.then(async () => {
    try {
      signal.throwIfAborted();
      await work(signal);
    } catch (error) {
      if (!signal.aborted) showFailure(sentence(error));
    }
    if (!signal.aborted) showStep(null);
  });
}

async function open(entry: Entry, signal: AbortSignal): Promise<void> {
  stopNetwork();
  session.loaded = null;
  clearInputs();
  forgetQuestion('No network is loaded yet.');
  showFailure(null);
  showStep(`Reading the manifest of ${entry.name}`);
  const artifact = await readArtifact(page, entry.path, ['image-classification']);
  signal.throwIfAborted();
  const { manifest } = artifact;
  showFacts(artifact);
  describeInput(manifest, readsDigits(manifest));
  const start = performance.now();
  const files = await downloadModel(artifact, (progress) => {
    if (!signal.aborted) showProgress(manifest.name, progress);
  });
  const download = { bytes: downloadBytes(manifest), ms: performance.now() - start };
  const fixture = await downloadFixture(artifact);
  signal.throwIfAborted();
  session.loaded = { artifact, files, fixture, download };
  showSamples(artifact, fixture, chooseSample);
  await runOn(backend, signal);
}

async function runOn(choice: Backend, signal: AbortSignal): Promise<void> {
  backend = choice;
  markBackend(backend);
  if (!session.loaded) return;
  const { artifact, files, fixture, download } = session.loaded;
  stopNetwork();
  showTimes(download, null);
  showParity(null, backend);
  showStep(`Starting ${TITLES[backend]}`);
  await startBackend(backend, (why) => loseBackend(choice, why));
  signal.throwIfAborted();
  const network = await Network.load(artifact.manifest, files);
  showStep(`First runs on ${TITLES[backend]}, compared with PyTorch`);
  const { parity, timing } = await checkParity(network, artifact.manifest, fixture, backend);
  if (signal.aborted) network.dispose();
  signal.throwIfAborted();
  session.network = network;
  session.steady = timing.steady;
  showTimes(download, timing);
  showParity(parity, backend);
  await answerAgain();
  document.body.dataset.ready = backend;
}

function stopNetwork(): void {
  delete document.body.dataset.ready;
  session.network?.dispose();
  session.network = null;
  session.steady = Infinity;
}

/** A lost backend is given up for the next best, and both are said. */
function loseBackend(lost: Backend, why: string): void {
  // Its tensors went with it, so there is nothing to dispose of.
  session.network = null;
  dropBackend(lost);
  const reason = 'it was taken away; reload the page to have it again';
  survey = survey.map((one) => (one.backend === lost ? { ...one, reason } : one));
  listBackends();
  const next = bestBackend(survey);
  showFailure(`${why}: the page goes on with ${TITLES[next]}; reload it to have ${TITLES[lost]} again.`);
  take((signal) => runOn(next, signal));
}

function listBackends(): void {
  showBackends(survey, (choice) => {
    showFailure(null);
    take((signal) => runOn(choice, signal));
  });
}

function listModels(entries: readonly Entry[]): void {
  const picker = element('model', HTMLSelectElement);
  picker.replaceChildren(...entries.map(({ name }) => new Option(name)));
  picker.disabled = false;
  const wanted = entries.findIndex(({ name }) => name === asked.get('model'));
  // A language model is listed, and the page says why it cannot run it; it is no model to begin with.
  const first = entries.findIndex(({ task }) => task !== 'language-model-step');
  picker.selectedIndex = Math.max(0, wanted >= 0 ? wanted : first);
  const openSelected = () => take((signal) => open(entries[picker.selectedIndex]!, signal));
  picker.addEventListener('change', openSelected);
  openSelected();
}

async function start(): Promise<void> {
  connectInputs();
  survey = await surveyBackends();
  listBackends();
  const wanted = survey.find((one) => one.backend === asked.get('backend') && one.reason === null);
  backend = wanted?.backend ?? bestBackend(survey);
  markBackend(backend);
  listModels(await readIndex(page));
}

start().catch((error: unknown) => {
  element('model', HTMLSelectElement).replaceChildren(new Option('No models'));
  showFailure(sentence(error));
});
