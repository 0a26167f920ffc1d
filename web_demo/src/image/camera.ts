/** The camera: started and stopped by the person at the page, one frame at a time in between. */

import { Failure, messageOf } from '../artifact/failure';
import type { Picture } from './picture';

const ELSE = 'choose a picture file instead';

export class Camera {
  private stream: MediaStream | null = null;
  /** Counts starts and stops: what belongs to one that the person has given up meanwhile must not go on. */
  private turn = 0;

  constructor(
    private readonly view: HTMLVideoElement,
    /** Called when the camera ends by itself. */
    private readonly onEnd: (sentence: string) => void,
  ) {}

  get running(): boolean {
    return this.stream !== null;
  }

  /** Has it neither stopped nor started anew since the start that gave `turn`? */
  isAt(turn: number): boolean {
    return turn === this.turn;
  }

  /** The number of this start; null when it was stopped or started anew before there was a picture. */
  async start(): Promise<number | null> {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Failure(
        `This browser gives the camera only to secure pages: open the page over https or at 127.0.0.1, or ${ELSE}.`,
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
          `The camera stopped, because it was unplugged or another program took it: start it again, or ${ELSE}.`,
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

  /** What the camera shows now. */
  frame(): Picture | null {
    const { videoWidth: width, videoHeight: height } = this.view;
    return this.running && width > 0 ? { source: this.view, width, height } : null;
  }
}

function refusal(error: unknown): string {
  switch (error instanceof DOMException ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return `The camera was refused: allow it for this page in the browser's site settings, or ${ELSE}.`;
    case 'NotFoundError':
    case 'OverconstrainedError':
      return `No camera was found: connect one, or ${ELSE}.`;
    case 'NotReadableError':
    case 'AbortError':
      return `The camera is in use by another program: close that, or ${ELSE}.`;
    default:
      return `The camera did not start (${messageOf(error)}): ${ELSE}.`;
  }
}
