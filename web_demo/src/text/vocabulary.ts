/** Downloads the vocabulary of a language model. */

import type { Artifact } from '../artifact/artifact';
import type { StepManifest } from '../artifact/manifest';
import { Failure } from '../artifact/failure';
import { downloadListed, rebuild } from '../artifact/files';

const FILE = 'vocabulary.json';

/** The tokens of a language model, by id; throws a `Failure`. */
export async function downloadVocabulary(
  artifact: Artifact<StepManifest>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { name, files, network } = artifact.manifest;
  if (!(FILE in files)) {
    throw new Failure(
      `${name} has no vocabulary (${FILE}): build it from a trained language model, for example with "zoo build runs/NAME --export tfjs".`,
    );
  }
  const tokens = parseJson(await downloadListed(artifact, FILE, signal));
  if (!Array.isArray(tokens) || tokens.length !== network.vocabulary || !tokens.every((one) => typeof one === 'string'))
    throw new Failure(`${FILE} of ${name} does not have one token per id: ${rebuild(artifact)}.`);
  return tokens as string[];
}

function parseJson(bytes: ArrayBuffer): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}
