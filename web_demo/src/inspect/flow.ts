/** The way of the picture through a cell, as small pictures that travel along the edges. */

import type { Drawing, Edge, Node } from '../cell/drawing';
import { make } from '../ui/page';

const TO_OPERATION_MS = 700;
const TO_NODE_MS = 350;

export type PictureOf = (part: Edge | Node) => HTMLCanvasElement | null;

const isCalm = (): boolean => matchMedia('(prefers-reduced-motion: reduce)').matches;

/**
 * Moves the picture of each source along its edges, node after node; edges for which `isGone` are left out. Without
 * welcome motion, shows all nodes at once. Leaves the pictures of the nodes until `signal`.
 */
export async function flow(
  drawing: Drawing,
  cell: string,
  pictureOf: PictureOf,
  isGone: (edge: Edge) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const tokens: HTMLElement[] = [];
  const token = (part: Edge | Node): HTMLCanvasElement => {
    const made = copyOf(pictureOf(part));
    tokens.push(made);
    return made;
  };
  signal.addEventListener('abort', () => tokens.forEach((one) => one.remove()), { once: true });
  const nodes = drawing.nodes(cell);
  const calm = isCalm();
  for (const node of nodes) {
    const edges = drawing.edges(cell).filter((edge) => edge.target === node.name && !isGone(edge));
    if (!calm) {
      const sources = new Map(nodes.map((one) => [one.name, one]));
      await Promise.all(
        edges.map(async (edge) => {
          const way = drawing.way(edge);
          const source = sources.get(edge.source);
          if (!way || !source) return;
          const before = token(source);
          await move(drawing, cell, before, way[0], TO_OPERATION_MS, signal);
          before.remove();
          const after = token(edge);
          await move(drawing, cell, after, way[1], TO_NODE_MS, signal);
          after.remove();
        }),
      );
    }
    if (signal.aborted) return;
    drawing.place(token(node), cell, drawing.center(node));
  }
}

function copyOf(picture: HTMLCanvasElement | null): HTMLCanvasElement {
  const made = make('canvas', picture ? '' : 'dot');
  made.setAttribute('aria-hidden', 'true');
  if (!picture) return made;
  Object.assign(made, { width: picture.width, height: picture.height });
  made.getContext('2d')!.drawImage(picture, 0, 0);
  return made;
}

function move(drawing: Drawing, cell: string, token: HTMLElement, path: SVGPathElement, ms: number, signal: AbortSignal): Promise<void> {
  const [start, length] = [performance.now(), path.getTotalLength()];
  return new Promise((resolve) => {
    const frame = () => {
      const share = Math.min(1, (performance.now() - start) / ms);
      if (signal.aborted) return resolve();
      const { x, y } = path.getPointAtLength(length * share);
      drawing.place(token, cell, [x, y]);
      if (share < 1) requestAnimationFrame(frame);
      else resolve();
    };
    frame();
  });
}
