/** The camera: start, stop, and the current frame. */

import { Failure, messageOf } from '../artifact/failure';
import type { Picture } from './picture';

const ELSE = 'choose a picture file instead';

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
      throw new Failure(
        `The camera needs a secure page: open the page over HTTPS or at 127.0.0.1, or ${ELSE}.`,
      );
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
        this.onEnd(
          `The camera stopped (unplugged, or in use by another program): start it again, or ${ELSE}.`,
        );
      });
      this.view.srcObject = stream;
      this.view.hidden = false;
      await this.view.play();
      return mine === this.turn ? mine : null;
    } catch (error) {
      if (mine !== this.turn) return null;
      this.stop();
      throw new Failure(refusal(error));
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

function refusal(error: unknown): string {
  switch (error instanceof DOMException ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return `Camera access was denied: allow it in the site settings of the browser, or ${ELSE}.`;
    case 'NotFoundError':
    case 'OverconstrainedError':
      return `No camera found: connect one, or ${ELSE}.`;
    case 'NotReadableError':
    case 'AbortError':
      return `The camera is in use by another program: close it, or ${ELSE}.`;
    default:
      return `The camera did not start (${messageOf(error)}): ${ELSE}.`;
  }
}
