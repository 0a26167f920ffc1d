/** The camera: start, stop, and the current frame. */

import { Failure } from '../artifact/failure';
import type { Picture } from './picture';

export class Camera {
  private stream: MediaStream | null = null;
  /** Counts starts and stops, so that an outdated start is ignored. */
  private turn = 0;

  constructor(
    private readonly view: HTMLVideoElement,
    /** Called with the reason when the camera stops by itself. */
    private readonly onEnd: (sentence: string) => void,
  ) {}

  get running(): boolean {
    return this.stream !== null;
  }

  /** Whether the start with number `turn` is still the current one. */
  isAt(turn: number): boolean {
    return turn === this.turn;
  }

  /** Starts the camera and returns the number of this start, or null if it was stopped or restarted meanwhile. */
  async start(): Promise<number | null> {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Failure((await import('./no_camera')).INSECURE);
    }
    this.stop();
    const mine = this.turn;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: { ideal: 'environment' } } });
      if (mine !== this.turn) {
        stream.getTracks().forEach((track) => track.stop());
        return null;
      }
      this.stream = stream;
      stream.getVideoTracks()[0]?.addEventListener('ended', () => {
        if (mine !== this.turn) return;
        this.stop();
        void import('./no_camera').then(({ STOPPED }) => this.onEnd(STOPPED));
      });
      this.view.srcObject = stream;
      this.view.hidden = false;
      await this.view.play();
      return mine === this.turn ? mine : null;
    } catch (error) {
      if (mine !== this.turn) return null;
      this.stop();
      throw new Failure((await import('./no_camera')).refusal(error));
    }
  }

  stop(): void {
    this.turn += 1;
    if (!this.stream) return;
    this.stream.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.view.srcObject = null;
    this.view.hidden = true;
  }

  /** The current frame; null before the first. */
  frame(): Picture | null {
    const { videoWidth: width, videoHeight: height } = this.view;
    return this.running && width > 0 ? { source: this.view, width, height } : null;
  }
}
