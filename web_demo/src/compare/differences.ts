/** The edges that only one of two cells has. */

import type { Drawing, Edge } from '../cell/drawing';

const keyOf = ({ source, target, operation }: Edge): string => `${operation} ${source} ${target}`;

/** The edges of a cell in the first drawing that the second does not have; equal edges count as often as they occur. */
export function onlyIn(first: Drawing, second: Drawing, cell: string): Set<Edge> {
  const left = second.edges(cell).map(keyOf);
  return new Set(
    first.edges(cell).filter((edge) => {
      const at = left.indexOf(keyOf(edge));
      if (at >= 0) left.splice(at, 1);
      return at < 0;
    }),
  );
}
