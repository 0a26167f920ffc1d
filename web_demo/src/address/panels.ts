/** The panels below the network: those in the address are open. */

import { readAddress, remember } from './address';

const panels = [...document.querySelectorAll<HTMLDetailsElement>('main > details[id]')];

export function followPanels(): void {
  showPanels();
  for (const panel of panels) {
    panel.addEventListener('toggle', () => {
      const open = idsOf(panels.filter((one) => one.open));
      if (open !== idsOf(asked())) remember({ panel: open || null }, true);
    });
  }
}

/** Opens the panels in the address, and closes the others. */
export function showPanels(): void {
  const open = asked();
  for (const panel of panels) panel.open = open.includes(panel);
}

function asked(): HTMLDetailsElement[] {
  const named = readAddress().panels;
  return panels.filter(({ id }) => named.includes(id));
}

const idsOf = (some: readonly HTMLDetailsElement[]): string => some.map(({ id }) => id).join();
