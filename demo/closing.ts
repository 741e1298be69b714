// What must be closed however the demo ends: last opened, first closed, once.

const steps: (() => Promise<void> | void)[] = [];

export function onClose(step: () => Promise<void> | void): void {
  steps.push(step);
}

export async function closeEverything(): Promise<void> {
  for (let step = steps.pop(); step !== undefined; step = steps.pop()) await step();
}
