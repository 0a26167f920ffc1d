/** The edges that the visitor removed, by cell of the network and number. */

export class Removed {
  private readonly keys = new Set<string>();

  constructor(private readonly cells: readonly string[]) {}

  get count(): number {
    return this.keys.size;
  }

  has(cell: number, edge: number): boolean {
    return this.keys.has(`${cell}:${edge}`);
  }

  toggle(cell: number, edge: number): void {
    this.set([cell], edge, !this.has(cell, edge));
  }

  /** The cells of a kind. */
  alike(kind: string): number[] {
    return [...this.cells.keys()].filter((cell) => this.cells[cell] === kind);
  }

  hasAll(kind: string, edge: number): boolean {
    return this.alike(kind).every((cell) => this.has(cell, edge));
  }

  /** Removes an edge from every cell of a kind, or restores it if all lack it. */
  toggleAll(kind: string, edge: number): void {
    this.set(this.alike(kind), edge, !this.hasAll(kind, edge));
  }

  clear(): void {
    this.keys.clear();
  }

  private set(cells: readonly number[], edge: number, on: boolean): void {
    for (const cell of cells) {
      if (on) this.keys.add(`${cell}:${edge}`);
      else this.keys.delete(`${cell}:${edge}`);
    }
  }
}
