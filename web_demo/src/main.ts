/** The page: from the list of models to a network that answers. */

import {
  downloadBytes,
  isShown,
  isStep,
  readArtifact,
  readIndex,
  type Artifact,
  type Entry,
  type StepManifest,
} from './artifact/artifact';
import { describeInput } from './ui/answer';
import { bestBackend, surveyBackends, TITLES, type Availability, type Backend } from './runtime/backends';
import { dropBackend, startBackend, waitNoLonger } from './runtime/tfjs_backends';
import { downloadFixture, downloadModel, downloadStepFixture, downloadVocabulary, type Fixture } from './artifact/download';
import { Failure, sentence } from './artifact/failure';
import { forgetFacts, showFacts } from './ui/facts';
import { choosePicture, chooseSample, clearInputs, connectInputs, takePhotos } from './ui/inputs';
import { Network } from './runtime/network';
import { element } from './ui/page';
import { checkParity } from './runtime/parity';
import { readsPhotos, refuseOtherPixels } from './image/picture';
import {
  forgetMeasures,
  forgetParity,
  isFailureShown,
  markBackend,
  showBackends,
  showFailure,
  showParity,
  showProgress,
  showStep,
  showTimes,
  type Download,
} from './ui/status';
import { forgetSamples, showSamples } from './ui/samples';
import { answerAgain, forgetQuestion, session } from './ui/session';
import { showStage } from './ui/stage';
import { StepNetwork } from './runtime/step';
import { Vocabulary } from './text/tokens';
import { connectWriter, describeWriter, writeWith } from './ui/generator';

const page = new URL('.', location.href);
const asked = new URLSearchParams(location.search);

/** What was downloaded; it outlives a change of backend. */
interface Loaded {
  readonly entry: Entry;
  readonly artifact: Artifact | Artifact<StepManifest>;
  readonly files: Awaited<ReturnType<typeof downloadModel>>;
  readonly fixture: Fixture;
  readonly download: Download;
}

let survey: Availability[] = [];
let backend: Backend = 'cpu';
let wanted: Entry | null = null;
let loaded: Loaded | null = null;
let stepNetwork: StepNetwork | null = null;

let line: Promise<void> = Promise.resolve();
let newest = new AbortController();

/** Gives up what the page has or waits for, and runs `work` when the one before has let go. */
function take(work: (signal: AbortSignal) => Promise<void>): void {
  newest.abort();
  stopNetwork();
  newest = new AbortController();
  const { signal } = newest;
  line = line.then(async () => {
    try {
      signal.throwIfAborted();
      await work(signal);
    } catch (error) {
      if (!signal.aborted) {
        session.artifact = null; // nothing will answer what is drawn
        showFailure(sentence(error));
      }
    }
    if (!signal.aborted) showStep(null);
  });
}

async function open(entry: Entry, signal: AbortSignal): Promise<void> {
  loaded = null;
  session.artifact = null;
  clearInputs();
  forgetSamples();
  forgetQuestion('No network is loaded yet.');
  forgetFacts(entry.name);
  forgetMeasures();
  showFailure(null);
  showStep(`Reading the manifest of ${entry.name}`);
  const artifact = await readArtifact(page, entry.path, ['image-classification', 'language-model-step'], 'tfjs', signal);
  signal.throwIfAborted();
  const { manifest } = artifact;
  if (!isStep(artifact)) refuseOtherPixels(artifact.manifest);
  showStage(artifact);
  showFacts(artifact);
  if (!isStep(artifact)) {
    describeInput(artifact.manifest);
    takePhotos(readsPhotos(artifact.manifest));
    // What is drawn or chosen from here on waits for the network.
    session.artifact = artifact;
  } else {
    const tokens = await downloadVocabulary(artifact, signal);
    describeWriter(new Vocabulary(tokens, artifact.manifest.input.unit ?? 'word'));
    signal.throwIfAborted();
  }
  const start = performance.now();
  const files = await downloadModel(artifact, (progress) => showProgress(manifest.name, progress), signal);
  const download = { bytes: downloadBytes(manifest), ms: performance.now() - start };
  const fixture = isStep(artifact)
    ? await downloadStepFixture(artifact, signal)
    : await downloadFixture(artifact, signal);
  signal.throwIfAborted();
  loaded = { entry, artifact, files, fixture, download };
  if (!isStep(artifact)) showSamples(artifact, fixture, chooseSample, choosePicture);
  await runOn(backend, signal);
}

/** Goes on with `choice`: the network that is here, or else the one that was on its way or failed. */
function goOn(choice: Backend): void {
  backend = choice;
  markBackend(backend);
  const entry = wanted;
  if (entry) take((signal) => (loaded?.entry === entry ? runOn(choice, signal) : open(entry, signal)));
}

async function runOn(choice: Backend, signal: AbortSignal): Promise<void> {
  if (!loaded) return;
  const { artifact, files, fixture, download } = loaded;
  if (!isStep(artifact)) session.artifact = artifact;
  showTimes(download, null);
  forgetParity();
  showStep(`Starting ${TITLES[choice]}`);
  try {
    await startBackend(choice, (why) => loseBackend(choice, why), signal);
  } catch (error) {
    signal.throwIfAborted();
    if (choice === 'cpu') throw new Failure(`${sentence(error)}: reload the page, or choose another backend.`);
    replaceBackend(choice, sentence(error), 'it did not start');
    return;
  }
  signal.throwIfAborted();
  const network = isStep(artifact)
    ? await StepNetwork.load(artifact.manifest, files)
    : await Network.load(artifact.manifest, files);
  showStep(`First runs on ${TITLES[choice]}, compared with PyTorch`);
  const { parity, timing } = await checkParity(network, artifact.manifest, fixture, choice, signal).catch((error) => {
    network.dispose();
    throw error;
  });
  showTimes(download, timing);
  showParity(parity, choice, isStep(artifact) ? 'steps' : 'images');
  if (network instanceof StepNetwork) {
    stepNetwork = network;
    writeWith(network);
  } else {
    session.network = network;
    session.steady = timing.steady;
    await answerAgain();
  }
  document.body.dataset.ready = choice;
}

function stopNetwork(): void {
  delete document.body.dataset.ready;
  forgetNetwork()?.dispose();
  waitNoLonger();
  session.steady = Infinity;
}

/** The network of the moment, which nothing uses any more. */
function forgetNetwork(): Network | StepNetwork | null {
  const network = session.network ?? stepNetwork;
  session.network = stepNetwork = null;
  writeWith(null);
  return network;
}

/** A lost backend is given up for the next best, and both are said. */
function loseBackend(lost: Backend, why: string): void {
  const reason = 'it was taken away';
  if (lost !== backend) {
    giveUp(lost, reason);
    return;
  }
  if (!loaded) {
    // Nothing runs on it: what is on its way will run on the other, and a failure stays told.
    giveUp(lost, reason);
    if (!isFailureShown()) showReplaced(lost, why);
    return;
  }
  // Its tensors went with it, so there is nothing to dispose of.
  forgetNetwork();
  replaceBackend(lost, why, reason);
}

function replaceBackend(lost: Backend, why: string, reason: string): void {
  giveUp(lost, reason);
  showReplaced(lost, why);
  goOn(backend);
}

function showReplaced(lost: Backend, why: string): void {
  showFailure(`${why}: the page goes on with ${TITLES[backend]}; reload it to have ${TITLES[lost]} again.`);
}

function giveUp(lost: Backend, why: string): void {
  dropBackend(lost);
  const reason = `${why}; reload the page to have it again`;
  survey = survey.map((one) => (one.backend === lost ? { ...one, reason } : one));
  if (lost === backend) backend = bestBackend(survey);
  listBackends();
}

function listBackends(): void {
  showBackends(survey, backend, (choice) => {
    showFailure(null);
    goOn(choice);
  });
}

function listModels(entries: readonly Entry[]): void {
  const picker = element('model', HTMLSelectElement);
  picker.replaceChildren(
    ...entries.map(({ name, channels }) => new Option(isShown(channels) ? name : `${name} (${channels} channels)`)),
  );
  picker.disabled = false;
  const named = entries.findIndex(({ name }) => name === asked.get('model'));
  // Pictures are looked at sooner than a prompt is written, so a language model is none to begin with.
  const first = entries.findIndex(({ task, channels }) => task !== 'language-model-step' && isShown(channels));
  picker.selectedIndex = Math.max(0, named >= 0 ? named : first);
  const openSelected = () => {
    const entry = (wanted = entries[picker.selectedIndex]!);
    take((signal) => open(entry, signal));
  };
  picker.addEventListener('change', openSelected);
  openSelected();
}

async function start(): Promise<void> {
  connectInputs();
  connectWriter();
  survey = await surveyBackends();
  const named = survey.find((one) => one.backend === asked.get('backend') && one.reason === null);
  backend = named?.backend ?? bestBackend(survey);
  listBackends();
  listModels(await readIndex(page));
}

start().catch((error: unknown) => {
  element('model', HTMLSelectElement).replaceChildren(new Option('No models'));
  showFailure(sentence(error));
});
