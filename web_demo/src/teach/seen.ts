/** The picture on the page, as the network sees it, and the button of the camera. */

import type { Artifact } from '../artifact/artifact';
import { cameraRuns } from '../ui/inputs';
import { make, paint } from '../ui/page';

export class Seen {
  readonly root = make('div', 'teach-now');
  readonly camera = make('button', '', 'Camera');
  private readonly canvas = make('canvas');
  private readonly text = make('p', 'help');

  constructor(onCamera: () => void) {
    this.canvas.setAttribute('role', 'img');
    this.canvas.setAttribute('aria-label', 'The picture on the page');
    this.camera.type = 'button';
    this.camera.addEventListener('click', onCamera);
    this.root.append(this.canvas, this.text, this.camera);
  }

  show(artifact: Artifact | undefined, pixels: Float32Array | null): void {
    this.showCamera(); // the page has a button for it, too
    this.canvas.hidden = !pixels;
    this.text.textContent = pixels ? 'The picture on the page, as the network sees it.' : 'No picture on the page yet: draw one, choose a sample or a picture, or start the camera.';
    if (artifact && pixels) paint(this.canvas, pixels, artifact.manifest.input.width, artifact.manifest.input.height);
  }

  showCamera(): void {
    this.camera.textContent = cameraRuns() ? 'Stop camera' : 'Camera';
    this.camera.classList.toggle('on', cameraRuns());
  }
}
