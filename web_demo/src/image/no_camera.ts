/** Why there is no camera, with the remedy; loaded when it happens. */

import { messageOf } from '../artifact/failure';

const ELSE = 'choose a picture file instead';

export const INSECURE = `The camera needs a secure page: open the page over HTTPS or at 127.0.0.1, or ${ELSE}.`;
export const STOPPED = `The camera stopped (unplugged, or in use by another program): start it again, or ${ELSE}.`;

export function refusal(error: unknown): string {
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
