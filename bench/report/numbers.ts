// Numbers and names as people read them.

import type { Metric, Spread } from "../study.ts";

/** With thousands set apart. */
export function numberText(value: number, digits: number): string {
  return value.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** The digits that are shown of a number of that size: no more than four or so count. */
export function digitsFor(value: number, { digits }: Metric): number {
  const whole = Math.floor(Math.log10(Math.max(Math.abs(value), 1)));
  return Math.min(digits, Math.max(3 - whole, 0));
}

/** The median, with the least and the most behind it where they are not the same as it is printed. */
export function spreadText({ median, min, max }: Spread, digits: number): string {
  const [middle, least, most] = [median, min, max].map((value) => numberText(value, digits));
  return least === most ? `${middle}` : `${middle} (${least}–${most})`;
}

export function valueText(value: Spread, metric: Metric): string {
  return spreadText(value, digitsFor(value.median, metric));
}

/** With three digits that count, as far as a thousandth. */
export function ratioText(ratio: Spread): string {
  return spreadText(ratio, ratioDigits(ratio.median));
}

export function ratioDigits(value: number): number {
  if (value >= 99.95) return 0;
  if (value >= 9.995) return 1;
  return value >= 0.0995 ? 2 : 3;
}

/** A name as it heads a column: `CPU per call, µs`. */
export function headText({ name, unit }: Metric): string {
  return unit === "" ? name : `${name}, ${unit}`;
}

export function withUnit(text: string, unit: string): string {
  return unit === "" ? text : `${text} ${unit}`;
}

export function capital(words: string): string {
  return words.slice(0, 1).toUpperCase() + words.slice(1);
}
