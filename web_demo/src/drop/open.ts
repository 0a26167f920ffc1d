/** Opens a network from files: it becomes an artifact that this page serves to itself. */

import { isImages, readArtifact, type Entry } from '../artifact/artifact';
import { downloadCases } from '../artifact/cases';
import { downloadFiles } from '../artifact/files';
import { mount, unmount } from '../artifact/local';
import { CHECKS, type Task } from '../artifact/manifest';
import { runtimesFor, RUNTIMES } from '../runtime/runtimes';
import { describe } from './bare';
import { unpack, type Found } from './collect';
import { recognize } from './recognize';

export { collect, listed } from './collect';

const page = new URL('.', location.href);
let count = 0;

/** The entry of the network in some files; throws a `Failure` unless all that the page needs of it is there and whole. */
export async function openFiles(found: readonly Found[]): Promise<Entry> {
  const network = await recognize(await unpack(found));
  const path = `opened/${++count}/${encodeURIComponent(network.name)}/`;
  const folder = new URL(path, page);
  mount(folder, network.kind === 'bare' ? await describe(network) : network.files);
  try {
    const tasks = Object.keys(CHECKS) as Task[];
    const artifact = await readArtifact(page, path, tasks, RUNTIMES.map(({ reads }) => reads));
    const { manifest } = artifact;
    await downloadCases(artifact);
    for (const { reads } of runtimesFor(manifest.files)) await downloadFiles(artifact, reads);
    const channels = isImages(artifact) ? artifact.manifest.input.channels : null;
    return { name: `${manifest.name} (opened)`, task: manifest.task, channels, path };
  } catch (error) {
    unmount(folder);
    throw error;
  }
}
