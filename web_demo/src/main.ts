/** The page: opens the chosen model, and loads it into the chosen runtime and backend. */

import { readAddress, remember } from './address/address';
import { followPanels, showPanels } from './address/panels';
import { isImages, isStep, provenOf, readArtifact, readIndex, type AnyArtifact, type Entry } from './artifact/artifact';
import { downloadCases } from './artifact/cases';
import { Failure, sentence } from './artifact/failure';
import { downloadFiles } from './artifact/files';
import { isBare, referenceOf, type AnyManifest } from './artifact/manifest';
import { modelOf } from './artifact/model';
import { offerCode } from './code/door';
import { choose, isOpen, keyOf, offersFor, type Choice, type Offer, type Wish } from './choice/choice';
import { showChoice } from './choice/panel';
import { addModel, connectModels, listModels, selectModel, showNoModels } from './choice/models';
import { keepTime } from './choice/times';
import { offerFound } from './found/door';
import { offerGallery } from './gallery/door';
import { Classifier } from './image/classifier';
import { readsPhotos, refuseOtherPixels } from './image/picture';
import { offerComparison } from './compare/door';
import { offerInside } from './inspect/door';
import { offerRace } from './race/door';
import { offerTeaching } from './teach/door';
import { surveyBackends, TITLES, type Availability } from './runtime/backends';
import { check, type Reference } from './runtime/check';
import { loadInWorker, type RemoteSession } from './runtime/remote';
import type { Model } from './runtime/runtime';
import { RUNTIMES } from './runtime/runtimes';
import { acceptFiles } from './drop/door';
import { describeInput } from './ui/answer';
import { forgetFacts, showFacts } from './ui/facts';
import { choosePicture, chooseSample, clearInputs, connectInputs, takePhotos } from './ui/inputs';
import { forgetSamples, showSamples, takeSample } from './ui/samples';
import { answerAgain, currentPixels, forgetQuestion, session } from './ui/session';
import { showStage } from './ui/stage';
import { forgetMeasures, showCheck, showFailure, showProgress, showStep, showTimes } from './ui/status';

const page = new URL('.', location.href);
/** Set by `zoo demo --build`. */
const OFFLINE = 'offline' in document.documentElement.dataset;
const FORMATS = [...new Set(RUNTIMES.map(({ reads }) => reads))];

/** The open model; kept when the runtime or backend changes. */
interface Opened {
  readonly entry: Entry;
  readonly artifact: AnyArtifact;
  readonly reference: Reference;
  /** By format. */
  readonly downloads: Map<string, Download>;
}

interface Download {
  readonly files: Model['files'];
  readonly ms: number;
}

let survey: readonly Availability[] = [];
let wish: Wish = readAddress();
/** Why a choice is no longer offered, by its key: until reload, or for this model. */
const lost = new Map<string, string>();
const refused = new Map<string, string>();
let manifest: AnyManifest | null = null;
let offers: readonly Offer[] = [];
let choice: Choice;

let wanted: Entry | null = null;
let opened: Opened | null = null;
let running: RemoteSession | null = null;
/** Loaded with the first language model. */
let writer: typeof import('./text/writer') | null = null;

let queue: Promise<void> = Promise.resolve();
let current = new AbortController();

/** Aborts the current task, unloads the network, and then runs `work`. */
function schedule(work: (signal: AbortSignal) => Promise<void>): void {
  current.abort();
  stopNetwork();
  current = new AbortController();
  const { signal } = current;
  queue = queue.then(async () => {
    try {
      signal.throwIfAborted();
      await work(signal);
    } catch (error) {
      if (!signal.aborted) {
        session.artifact = null; // ignore drawings
        showFailure(sentence(error));
      }
    }
    if (!signal.aborted) showStep(null);
  });
}

/** Opens a model, with the chosen sample of its address. */
async function open(entry: Entry, sample: string | null, signal: AbortSignal): Promise<void> {
  opened = null;
  session.artifact = null;
  refused.clear();
  clearInputs();
  forgetSamples();
  forgetQuestion('No network loaded yet.');
  forgetFacts(entry.name);
  forgetMeasures();
  offerRace(null);
  offerCode(null);
  offerInside(null);
  offerComparison(null);
  offerTeaching(null);
  offerFound(entry);
  showFailure(null);
  showStep(`Reading the manifest of ${entry.name}`);
  const tasks = ['image-classification', 'language-model-step', 'tensors'] as const;
  const artifact = await readArtifact(page, entry.path, tasks, FORMATS, signal);
  signal.throwIfAborted();
  if (isImages(artifact)) refuseOtherPixels(artifact.manifest);
  manifest = artifact.manifest;
  settle();
  if (isStep(artifact)) writer ??= await import('./text/writer');
  await showStage(artifact);
  showFacts(artifact);
  offerInside(artifact);
  if (isImages(artifact)) {
    describeInput(artifact.manifest);
    takePhotos(readsPhotos(artifact.manifest));
    // From here on, drawings and pictures wait for the network.
    session.artifact = artifact;
  } else if (isStep(artifact)) {
    await writer!.describe(artifact, signal);
  }
  const cases = await downloadCases(artifact, signal);
  signal.throwIfAborted();
  const reference = { manifest: artifact.manifest, cases, proven: provenOf(artifact) };
  opened = { entry, artifact, reference, downloads: new Map() };
  if (isImages(artifact)) {
    showSamples(artifact, cases, chooseSample, choosePicture);
    takeSample(sample);
  }
  await run(signal);
}

/** Updates the offers, and the choice that is nearest to the wish. */
function settle(): void {
  offers = offersFor(manifest?.files ?? null, survey, new Map([...refused, ...lost]));
  choice = choose(offers, wish);
  showChoice(offers, choice, manifest, (picked) => {
    wish = picked;
    showFailure(null);
    settle();
    remember({ runtime: choice.runtime.name, backend: choice.backend }, true);
    runAgain();
  });
}

/** Runs the open model with the new choice, or opens the model if that has not finished or has failed. */
function runAgain(): void {
  const entry = wanted;
  if (entry) schedule((signal) => (opened?.entry === entry ? run(signal) : open(entry, null, signal)));
}

async function run(signal: AbortSignal): Promise<void> {
  if (!opened) return;
  const { entry, artifact, reference } = opened;
  const { runtime, backend } = choice;
  const here = choice;
  if (isImages(artifact)) session.artifact = artifact;
  forgetMeasures();
  const { files, ms } = await download(opened, runtime.reads, signal);
  showTimes(here, ms, artifact.manifest, null);
  const title = titleOf(here);
  showStep(`Starting ${title}`);
  const onLost = (why: string) => {
    if (!signal.aborted) replace(here, why, lost, 'lost');
  };
  try {
    running = await loadInWorker(runtime, modelOf(artifact, files), backend, { onLost }, signal);
  } catch (error) {
    signal.throwIfAborted();
    replace(here, sentence(error), refused, 'did not start');
    return;
  }
  showStep(`Comparing ${title} with ${referenceOf(artifact.manifest)}`);
  const network = running;
  const checked = await check(network, reference, runtime.reads, backend, signal).catch((error: unknown) => {
    network.dispose();
    throw error;
  });
  showTimes(here, ms, artifact.manifest, checked.timing);
  showCheck(checked, here, artifact.manifest);
  if (checked.agreement.ok) keepTime(entry, here, checked.timing.steady);
  const field = { artifact, reference, offers, now: here, pixels: currentPixels, model, offersOf: otherOffers };
  offerRace(field);
  offerComparison(field);
  offerTeaching(field);
  offerCode(isBare(artifact.manifest.network) ? null : { artifact, now: here });
  if (isStep(artifact)) writer?.writeWith({ session: network, hidden: artifact.manifest.network.hidden });
  if (isImages(artifact)) {
    session.network = new Classifier(network, artifact.manifest.input);
    session.steady = checked.timing.steady;
    await answerAgain();
  }
  document.body.dataset.runtime = runtime.name;
  document.body.dataset.ready = backend;
  // Static sites, after the first answer.
  if (OFFLINE) void import('./offline/register').then(({ keepVisit }) => keepVisit(network.addresses));
}

/** The files of a format, downloaded once. */
async function download(from: Opened, reads: string, signal: AbortSignal, quiet = false): Promise<Download> {
  const here = from.downloads.get(reads);
  if (here) return here;
  const start = performance.now();
  const { artifact, downloads } = from;
  const files = await downloadFiles(
    artifact,
    reads,
    (progress) => quiet || showProgress(artifact.manifest.name, progress),
    signal,
  );
  signal.throwIfAborted();
  const done = { files, ms: performance.now() - start };
  downloads.set(reads, done);
  return done;
}

/** The open model in a format, for the race. */
async function model(reads: string, signal: AbortSignal): Promise<Model> {
  if (!opened) throw new Failure('No network loaded yet.');
  const { artifact } = opened;
  return modelOf(artifact, (await download(opened, reads, signal, true)).files);
}

/** The runtimes and backends for another network. */
const otherOffers = (files: AnyManifest['files']): Offer[] => offersFor(files, survey, lost);

function stopNetwork(): void {
  delete document.body.dataset.ready;
  session.network = null;
  session.steady = Infinity;
  writer?.writeWith(null);
  running?.dispose();
  running = null;
}

/** Switches to the next best choice after one was lost or did not start, and reports it. */
function replace(old: Choice, why: string, reasons: Map<string, string>, reason: string): void {
  reasons.set(keyOf(old), reason);
  settle();
  if (!offers.some(isOpen)) {
    session.artifact = null;
    showFailure(why);
    return;
  }
  showFailure(
    `${why.replace(/\.$/, '')}. Switched to ${titleOf(choice, old)}; reload the page to try ${titleOf(old, choice)} again.`,
  );
  runAgain();
}

/** The name of a choice; without the runtime if there is only one, or if `other` has the same. */
function titleOf({ runtime, backend }: Choice, other: Choice | null = null): string {
  const plain = other ? other.runtime === runtime : offers.length < 2;
  return plain ? TITLES[backend] : `${runtime.title} on ${TITLES[backend]}`;
}

function openModel(entry: Entry, sample: string | null): void {
  wanted = entry;
  schedule((signal) => open(entry, sample, signal));
}

/** Opens a model that the visitor chose. */
function pick(entry: Entry): void {
  remember({ model: entry.name, sample: null, epoch: null }, true);
  openModel(entry, null);
}

/** Shows what the address names, at first and after the visitor went back or forward. */
function followAddress(): void {
  const { model, sample, ...there } = readAddress();
  wish = there;
  showPanels();
  const entry = selectModel(model);
  if (!entry) return;
  if (entry !== wanted) {
    openModel(entry, sample);
    return;
  }
  const before = keyOf(choice);
  settle();
  takeSample(sample);
  if (keyOf(choice) !== before) runAgain();
}

async function start(): Promise<void> {
  connectInputs();
  connectModels(pick);
  followPanels();
  acceptFiles((entry) => {
    addModel(entry);
    selectModel(entry.name);
    pick(entry);
  });
  addEventListener('popstate', followAddress);
  survey = await surveyBackends();
  settle();
  const entries = await readIndex(page);
  listModels(entries);
  offerGallery({ entries, survey, now: () => choice });
  followAddress();
}

start().catch((error: unknown) => {
  showNoModels();
  showFailure(sentence(error));
});
