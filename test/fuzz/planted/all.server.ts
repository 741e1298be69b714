// The servers of the planted family.

export function obey(order: unknown): string {
  return `${String(order)} by ${process.pid}`;
}
