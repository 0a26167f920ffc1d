/** The pad: a drawing by mouse, finger or keyboard, or a picture. */

import type { Point, Stroke } from './digits';

/** Pen width, relative to the side of the pad. */
const PEN = 0.065;

/** Distance per press of an arrow key, relative to the side. */
const STEP = 1 / 24;

const MOVES: Readonly<Record<string, Point>> = {
  ArrowLeft: { x: -STEP, y: 0 },
  ArrowRight: { x: STEP, y: 0 },
  ArrowUp: { x: 0, y: -STEP },
  ArrowDown: { x: 0, y: STEP },
};

export class Pad {
  /** Paths, relative to the side of the pad. */
  private strokes: Point[][] = [];
  private picture: ImageBitmap | null = null;
  private pen: Point = { x: 0.5, y: 0.3 };
  private penDown = false;
  private pointer: number | null = null;

  /** Whether the pad shows photos, cropped to their center square, and has no pen. */
  photo = false;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    /** Called at every change; `finished` if no stroke is in progress. */
    private readonly onChange: (finished: boolean) => void,
    private readonly say: (text: string) => void,
  ) {
    canvas.addEventListener('pointerdown', (event) => this.touch(event));
    canvas.addEventListener('pointermove', (event) => this.drag(event));
    for (const end of ['pointerup', 'pointercancel'] as const)
      canvas.addEventListener(end, (event) => this.release(event));
    canvas.addEventListener('keydown', (event) => this.press(event));
    canvas.addEventListener('focus', () => this.draw());
    canvas.addEventListener('blur', () => this.liftPen());
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
  }

  get drawing(): readonly Stroke[] {
    return this.strokes;
  }

  get empty(): boolean {
    return this.strokes.length === 0 && this.picture === null;
  }

  clear(): void {
    this.reset(null);
    this.onChange(true);
  }

  undo(): void {
    this.penDown = false;
    this.pointer = null; // ends the stroke in progress
    if (this.picture) {
      this.picture.close();
      this.picture = null;
    } else this.strokes.pop();
    this.draw();
    this.onChange(true);
  }

  /** Replaces the drawing by a picture, which the pad owns and closes. */
  show(picture: ImageBitmap): void {
    this.reset(picture);
  }

  private reset(picture: ImageBitmap | null): void {
    this.picture?.close();
    this.picture = picture;
    this.strokes = [];
    this.penDown = false;
    this.draw();
  }

  private touch(event: PointerEvent): void {
    if (this.photo || event.button !== 0 || this.pointer !== null) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
    this.begin(this.at(event));
  }

  private drag(event: PointerEvent): void {
    if (event.pointerId !== this.pointer) return;
    // Several moves may occur between two frames.
    const moves = event.getCoalescedEvents?.() ?? [];
    for (const move of moves.length > 0 ? moves : [event]) this.strokes.at(-1)?.push(this.at(move));
    this.draw();
    this.onChange(false);
  }

  private release(event: PointerEvent): void {
    if (event.pointerId !== this.pointer) return;
    this.pointer = null;
    this.onChange(true);
  }

  private press(event: KeyboardEvent): void {
    if (this.photo) return;
    const command = event.ctrlKey || event.metaKey;
    const undo = command ? event.key === 'z' : event.key === 'Backspace';
    if ((command && !undo) || event.altKey) return; // shortcuts of the browser
    const move = MOVES[event.key];
    if (move) this.step(move);
    else if (event.key === ' ') {
      if (!event.repeat) this.penDown ? this.liftPen() : this.lowerPen();
    } else if (undo) this.undo();
    else if (event.key === 'Delete') this.clear();
    else return;
    event.preventDefault();
  }

  private step(move: Point): void {
    const within = (v: number) => Math.min(0.95, Math.max(0.05, v));
    this.pen = { x: within(this.pen.x + move.x), y: within(this.pen.y + move.y) };
    if (this.penDown) {
      this.strokes.at(-1)?.push(this.pen);
      this.onChange(true);
    }
    this.draw();
  }

  private lowerPen(): void {
    this.penDown = true;
    this.begin(this.pen);
    this.say(`Pen down, ${this.position()}.`);
  }

  private liftPen(): void {
    const drawn = this.penDown;
    this.penDown = false;
    this.draw();
    if (!drawn) return;
    this.say(`Pen up, ${this.position()}.`);
    this.onChange(true);
  }

  private position(): string {
    return `${Math.round(this.pen.x * 100)} % from the left, ${Math.round(this.pen.y * 100)} % from the top`;
  }

  private begin(point: Point): void {
    if (this.picture) this.reset(null);
    this.strokes.push([point]);
    this.draw();
    this.onChange(false);
  }

  private at(event: PointerEvent): Point {
    const box = this.canvas.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  }

  private draw(): void {
    const side = Math.round(this.canvas.clientWidth * devicePixelRatio);
    if (side === 0) return;
    if (this.canvas.width !== side) this.canvas.width = this.canvas.height = side;
    const context = this.canvas.getContext('2d')!;
    context.clearRect(0, 0, side, side);
    if (this.picture) drawPicture(context, this.picture, side, this.photo);
    context.strokeStyle = context.fillStyle = getComputedStyle(this.canvas).color;
    drawStrokes(context, this.strokes, side);
    if (!this.photo && this.canvas.matches(':focus-visible')) this.drawPen(context, side);
  }

  /** Draws the keyboard pen: a ring, filled while the pen is down. */
  private drawPen(context: CanvasRenderingContext2D, side: number): void {
    context.beginPath();
    context.arc(this.pen.x * side, this.pen.y * side, (PEN * side) / 2, 0, 2 * Math.PI);
    context.lineWidth = 2 * devicePixelRatio;
    context.stroke();
    if (this.penDown) context.fill();
  }
}

/** Draws strokes scaled by `side`, in the color of the context. */
export function drawStrokes(
  context: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D,
  strokes: readonly Stroke[],
  side: number,
): void {
  context.lineWidth = PEN * side;
  context.lineCap = context.lineJoin = 'round';
  for (const stroke of strokes) {
    context.beginPath();
    // A zero-length line draws a dot for a single tap.
    context.moveTo(stroke[0]!.x * side, stroke[0]!.y * side);
    for (const { x, y } of stroke) context.lineTo(x * side, y * side);
    context.stroke();
  }
}

/** Draws a whole picture, or the center square of a photo. */
function drawPicture(context: CanvasRenderingContext2D, picture: ImageBitmap, side: number, photo: boolean): void {
  const fit = photo ? Math.max : Math.min;
  const scale = fit(side / picture.width, side / picture.height);
  const [width, height] = [picture.width * scale, picture.height * scale];
  // Samples of a few pixels are not smoothed.
  context.imageSmoothingEnabled = scale < 4;
  context.drawImage(picture, (side - width) / 2, (side - height) / 2, width, height);
}
