/** The drawing of a cell as part of the page: its nodes and edges can be found, chosen and marked. */

import type { AnyArtifact } from '../artifact/artifact';
import { Failure } from '../artifact/failure';
import { downloadListed, rebuild } from '../artifact/files';
import { make } from '../ui/page';

export interface Edge {
  readonly kind: 'edge';
  readonly cell: string;
  /** As in the genotype, from 0. */
  readonly number: number;
  readonly source: string;
  readonly target: string;
  readonly operation: string;
}

export interface Node {
  readonly kind: 'node';
  readonly cell: string;
  readonly name: string;
}

export type Part = Edge | Node;

type Point = readonly [number, number];

/** A line of the drawing, from end to end. */
interface Line {
  readonly path: string;
  readonly start: string;
  readonly end: string;
}

const SVG = 'http://www.w3.org/2000/svg';
/** What `zoo.plotting.cell` writes; an artifact from elsewhere may contain anything. */
const TAGS = new Set(['svg', 'g', 'rect', 'path', 'text', 'tspan']);
const UNSAFE = /^(on|style$|href$|xlink:)/;
/** The states of parts; the colors of the page are inherited. */
const STATES = `
:host { display: block; position: relative; }
svg { display: block; inline-size: 100%; block-size: auto; }
[hidden] { display: none; }
.part[tabindex] { cursor: pointer; outline: none; }
.part[tabindex]:hover rect { stroke-width: 2.5; }
.part:focus-visible rect, .part.chosen rect { stroke: var(--accent); stroke-width: 4; }
.part.gone rect { fill: transparent; stroke-dasharray: 4 3; }
.part.gone text { fill: var(--quiet); text-decoration: line-through; }
.part.marked rect { stroke: var(--bad); stroke-width: 3.5; }
.part.faded rect { opacity: 0.35; }
canvas { position: absolute; inline-size: 1.5rem; block-size: 1.5rem; translate: -50% -50%; border: 2px solid var(--accent);
  border-radius: 4px; image-rendering: pixelated; background: var(--accent); pointer-events: none; }
canvas.dot { inline-size: 0.8rem; block-size: 0.8rem; border-radius: 50%; }
`;

/** Downloads and checks the drawing of an artifact; throws a `Failure`. */
export async function readDrawing(artifact: AnyArtifact, signal: AbortSignal): Promise<Drawing> {
  const text = new TextDecoder().decode(await downloadListed(artifact, 'cell.svg', signal));
  const drawing = new Drawing(text, `Drawing of the ${artifact.manifest.genotype || artifact.manifest.name} cell`);
  if (drawing.parts.length === 0) {
    throw new Failure(`The drawing of ${artifact.manifest.name} is of an earlier version: ${rebuild(artifact)}.`);
  }
  return drawing;
}

export class Drawing {
  /** The element for the page. */
  readonly host = make('div');
  readonly parts: readonly Part[];
  readonly cells: readonly string[];
  private readonly svg: SVGSVGElement;
  private readonly elements = new Map<Part, SVGGElement>();
  private readonly lines = new Map<string, Line[]>();

  constructor(
    private readonly text: string,
    private readonly name: string,
  ) {
    // The policy of the page blocks style elements, even unattached ones, but not sheets.
    let styles = '';
    const plain = text.replace(/<style[^>]*>([^]*?)<\/style>/g, (_, rules: string) => ((styles += rules), ''));
    const parsed = new DOMParser().parseFromString(plain, 'image/svg+xml').documentElement;
    const root = this.host.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(styles + STATES);
    root.adoptedStyleSheets = [sheet];
    this.svg = plainly(parsed) as SVGSVGElement;
    this.svg.setAttribute('role', 'group');
    this.svg.removeAttribute('aria-labelledby');
    this.svg.setAttribute('aria-label', name);
    for (const one of ['width', 'height']) this.svg.removeAttribute(one);
    root.append(this.svg);
    const groups = [...this.svg.querySelectorAll<SVGGElement>('[data-cell]')];
    this.cells = groups.map(({ dataset }) => dataset.cell!);
    this.parts = groups.flatMap((group) => this.partsOf(group));
    groups.forEach((group) => this.lines.set(group.dataset.cell!, linesOf(group)));
  }

  /** The same drawing for another place. */
  copy(): Drawing {
    return new Drawing(this.text, this.name);
  }

  edges(cell: string): readonly Edge[] {
    return this.parts
      .filter((part): part is Edge => part.kind === 'edge' && part.cell === cell)
      .sort((one, other) => one.number - other.number);
  }

  /** The nodes of a cell in the order of computation. */
  nodes(cell: string): readonly Node[] {
    return this.parts.filter((part): part is Node => part.kind === 'node' && part.cell === cell);
  }

  /** Calls `onChoose` for a click or key on a part. */
  connect(onChoose: (part: Part) => void): void {
    for (const [part, group] of this.elements) {
      group.setAttribute('role', 'button');
      group.setAttribute('tabindex', '0');
      group.addEventListener('click', () => onChoose(part));
      group.addEventListener('keydown', (event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return;
        event.preventDefault();
        onChoose(part);
      });
    }
  }

  /** Shows only one cell. */
  showOnly(cell: string): void {
    for (const child of this.svg.children) {
      const shown = (child as SVGElement).dataset.cell === cell;
      child.toggleAttribute('hidden', !shown);
      if (!shown) continue;
      const [x, y, width, height] = extentOf(child as SVGGElement);
      const [left, top] = placeOf(child as SVGGElement);
      const margin = 6;
      this.svg.setAttribute(
        'viewBox',
        [x + left - margin, y + top - margin, width + 2 * margin, height + 2 * margin].join(' '),
      );
      // Names as large as in the whole drawing, or a little larger.
      this.host.style.setProperty('--drawn', `${Math.round(width)}px`);
      this.host.style.maxInlineSize = `${Math.round(width * 1.25)}px`;
    }
  }

  /** Sets the class `name` on exactly the parts that `has` returns true for. */
  mark(name: 'chosen' | 'gone' | 'marked' | 'faded', has: (part: Part) => boolean): void {
    for (const [part, group] of this.elements) {
      group.classList.toggle(name, has(part));
      if (name === 'chosen') group.setAttribute('aria-pressed', String(has(part)));
      if (name === 'gone' || name === 'marked') {
        const note = has(part) ? { gone: ', removed', marked: ', only here' }[name] : '';
        group.setAttribute('aria-label', spoken(part, group) + note);
      }
    }
  }

  /** The way of a picture along an edge: to its operation, and on to its node. */
  way(edge: Edge): [SVGPathElement, SVGPathElement] | null {
    const lines = this.lines.get(edge.cell)!;
    const [x, top, bottom] = endsOf(this.elements.get(edge)!);
    const into = lines.find(({ end }) => end === `${x} ${top}`);
    const out = lines.find(({ start }) => start === `${x} ${bottom}`);
    if (!into || !out) return null;
    const above = (line: Line) => lines.find(({ end }) => end === line.start);
    let path = into.path;
    // From row to row, back to the source.
    for (let line = above(into); line; line = above(line)) path = line.path + path.replace('M', 'L');
    return [pathOf(path), pathOf(out.path)];
  }

  /** The center of a part, in the coordinates of its cell. */
  center(part: Part): Point {
    const [x, y, width, height] = boxOf(this.elements.get(part)!.querySelector('rect')!);
    return [x + width / 2, y + height / 2];
  }

  /** Places an element of the page over the drawing, at a point of a cell. */
  place(above: HTMLElement, cell: string, [x, y]: Point): void {
    const [left, top] = placeOf(this.svg.querySelector<SVGGElement>(`[data-cell="${CSS.escape(cell)}"]`)!);
    const box = this.svg.viewBox.baseVal;
    above.style.insetInlineStart = `${((x + left - box.x) / box.width) * 100}%`;
    above.style.insetBlockStart = `${((y + top - box.y) / box.height) * 100}%`;
    if (!above.isConnected) this.host.shadowRoot!.append(above);
  }

  /** Groups the shape and the text of each part. */
  private partsOf(cell: SVGGElement): Part[] {
    const kind = cell.dataset.cell!;
    return [...cell.querySelectorAll<SVGRectElement>('rect[data-edge], rect[data-node]')].map((rect) => {
      const label = rect.nextElementSibling!;
      const group = document.createElementNS(SVG, 'g');
      group.classList.add('part');
      rect.before(group);
      group.append(rect, label);
      const [number, source, target] = (rect.dataset.edge ?? '').split(' ');
      const part: Part =
        rect.dataset.node === undefined
          ? { kind: 'edge', cell: kind, number: Number(number), source: source!, target: target!, operation: label.textContent! }
          : { kind: 'node', cell: kind, name: rect.dataset.node };
      group.setAttribute('aria-label', spoken(part, group));
      this.elements.set(part, group);
      return part;
    });
  }
}

/** "sep_conv_3x3 from c_k-2 to node 2". */
export function nameOf(part: Part): string {
  return part.kind === 'node' ? nodeName(part.name) : `${part.operation} from ${nodeName(part.source)} to ${nodeName(part.target)}`;
}

export const nodeName = (name: string): string => (/^\d+$/.test(name) ? `node ${name}` : name);

/** The name of a part for screen readers, which has to include its text. */
function spoken(part: Part, group: SVGGElement): string {
  return part.kind === 'node' && !/^\d+$/.test(part.name) ? `${group.textContent}, input` : nameOf(part);
}

/** An element with nothing but shapes and text. */
function plainly(from: Element): Element {
  const made = document.createElementNS(SVG, TAGS.has(from.localName) ? from.localName : 'g');
  for (const { name, value } of from.attributes) {
    if (name !== 'xmlns' && !UNSAFE.test(name)) made.setAttribute(name, value);
  }
  for (const child of from.childNodes) {
    if (child instanceof Element) {
      if (TAGS.has(child.localName)) made.append(plainly(child));
    } else if (from.localName === 'text' || from.localName === 'tspan') made.append(child.textContent ?? '');
  }
  return made;
}

function linesOf(cell: SVGGElement): Line[] {
  return [...cell.querySelectorAll('path')].map((path) => {
    const text = path.getAttribute('d') ?? '';
    const points = text.match(/-?[\d.]+ -?[\d.]+/g) ?? [];
    return { path: text, start: points[0] ?? '', end: points.at(-1) ?? '' };
  });
}

function pathOf(text: string): SVGPathElement {
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', text);
  return path;
}

/** x of the middle, and y of the upper and the lower side, as in the lines. */
function endsOf(group: SVGGElement): [string, string, string] {
  const rect = group.querySelector('rect')!;
  const y = Number(rect.getAttribute('y'));
  const written = (value: number) => String(Math.round(value * 10) / 10);
  return [group.querySelector('text')!.getAttribute('x')!, written(y), written(y + Number(rect.getAttribute('height')))];
}

type Box = readonly [x: number, y: number, width: number, height: number];

function boxOf(rect: SVGRectElement): Box {
  const [x = 0, y = 0, width = 0, height = 0] = ['x', 'y', 'width', 'height'].map((name) => Number(rect.getAttribute(name)));
  return [x, y, width, height];
}

/** The room of the shapes and lines of a cell, also where nothing is laid out, as in a closed section. */
function extentOf(cell: SVGGElement): Box {
  const corners = [...cell.querySelectorAll('rect')].map(boxOf).flatMap(([x, y, width, height]) => [[x, y], [x + width, y + height]]);
  const points = linesOf(cell).flatMap(({ start, end }) => [start, end].map((point) => point.split(' ').map(Number)));
  const all = [...corners, ...points];
  const [left, top] = [0, 1].map((axis) => Math.min(...all.map((point) => point[axis]!))) as [number, number];
  const [right, bottom] = [0, 1].map((axis) => Math.max(...all.map((point) => point[axis]!))) as [number, number];
  return [left, top, right - left, bottom - top];
}

function placeOf(group: SVGGElement): Point {
  const [x, y] = (group.getAttribute('transform')?.match(/-?[\d.]+/g) ?? []).map(Number);
  return [x ?? 0, y ?? 0];
}
