/** Networks that join the one on the page. */

import { isImages, provenOf, readArtifact, type Entry } from '../artifact/artifact';
import { downloadCases } from '../artifact/cases';
import { Failure } from '../artifact/failure';
import { downloadModel } from '../artifact/model';
import { refusalOf } from '../artifact/others';
import type { Model } from '../runtime/runtime';
import { RUNTIMES } from '../runtime/runtimes';
import type { Field } from './door';
import type { Entrant } from './race';

const FORMATS = [...new Set(RUNTIMES.map(({ reads }) => reads))];

/** Reads a network that takes the picture of the page; throws a `Failure`, also if it cannot. */
export async function readEntrant(page: URL, { path }: Entry, field: Field, signal: AbortSignal): Promise<Entrant> {
  const artifact = await readArtifact(page, path, ['image-classification'] as const, FORMATS, signal);
  const { manifest } = artifact;
  const refusal = isImages(field.artifact) ? refusalOf(field.artifact.manifest, manifest) : null;
  if (refusal !== null) throw new Failure(refusal);
  const cases = await downloadCases(artifact, signal);
  const models = new Map<string, Model>();
  const model = async (reads: string, stop: AbortSignal) => {
    const done = models.get(reads) ?? (await downloadModel(artifact, reads, stop));
    models.set(reads, done);
    return done;
  };
  return { artifact, reference: { manifest, cases, proven: provenOf(artifact) }, offers: field.offersOf(manifest.files), model };
}
