/** An artifact as a model that a runtime loads. */

import type { Model } from '../runtime/runtime';
import { givesOf, takesOf, type AnyArtifact } from './artifact';
import { downloadFiles } from './files';

export const modelOf = (artifact: AnyArtifact, files: Model['files']): Model => ({
  name: artifact.manifest.name,
  files,
  takes: takesOf(artifact),
  gives: givesOf(artifact),
});

/** Downloads the files in the format that a runtime `reads`; throws a `Failure`. */
export const downloadModel = async (artifact: AnyArtifact, reads: string, signal: AbortSignal | null = null): Promise<Model> =>
  modelOf(artifact, await downloadFiles(artifact, reads, () => {}, signal));
